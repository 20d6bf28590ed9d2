"""MiniLM: a dense head on the frozen sentence encoder all-MiniLM-L6-v2."""

from typing import Annotated, Any

from pydantic import Field

from loopbook.models import layers
from loopbook.models.architecture import Built, Dropout, Inputs, architecture
from loopbook.models.encoders import sentence_encoder
from loopbook.models.network import Network

Units = Annotated[int, Field(ge=0, le=4096)]
Penalty = Annotated[float, Field(ge=0, le=1_000)]


# The encoder's weights enter the export, which makes it large and slow to build.
@architecture(Network, needs="text", costly_export=True, ready=lambda _: sentence_encoder.folder())
def minilm(inputs: Inputs, *, units: Units = 0, dropout: Dropout = 0.3, penalty: Penalty = 0.05) -> Any:
    """Return the sentence embedding, and the penalty of the head upon it.

    Parameters
    ----------
    units
        Numbers in a hidden layer; 0: none, which makes the whole a logistic regression.
    dropout
        Share of the embedding that is hidden in each training step.
    penalty
        Weight of the squared coefficients in the loss, in the head in the mean over its scores; the embedding's
        numbers are of about unit size.

    References
    ----------
    Reimers & Gurevych (2019), Sentence-BERT; Wang et al. (2020), MiniLM.
    """
    import keras

    embedding = inputs.embedding()
    # The encoder's vectors have length 1; with numbers of about unit size Adam's usual step fits.
    state = keras.layers.Rescaling(inputs.embedding_width**0.5)(embedding)
    state = layers.dropped(state, dropout)
    if units:
        state = keras.layers.Dense(
            units, activation="relu", kernel_regularizer=keras.regularizers.L2(penalty), name="hidden"
        )(state)
    parts = [embedding]
    if inputs.width:
        parts.append(inputs.table())
        state = keras.layers.Concatenate()([state, parts[1]])
    return Built(keras.Model(parts, state, name="minilm"), penalty)

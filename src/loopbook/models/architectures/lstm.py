"""LSTM: a recurrent network, which reads words in their order."""

from typing import Any

from loopbook.models import layers
from loopbook.models.architecture import Dropout, Inputs, Size, architecture
from loopbook.models.network import Network


@architecture(Network, needs="text")
def lstm(inputs: Inputs, *, embedding: Size = 48, units: Size = 48, dropout: Dropout = 0.3) -> Any:
    """Return the seed model: Embedding, LSTM; the head is a dense layer.

    Parameters
    ----------
    embedding
        Numbers a token.
    units
        Numbers in the LSTM's state.
    dropout
        Share of the state that is hidden from the last layer in each training step.

    Returns
    -------
    keras.Model
        Input ``tokens`` (and ``table`` where there is one), output the features, float32 [n, any].

    References
    ----------
    Hochreiter & Schmidhuber (1997), Long short-term memory.
    """
    import keras

    tokens = inputs.tokens()
    state = keras.layers.Embedding(inputs.vocabulary_size, embedding, mask_zero=True, name="words")(tokens)
    state = keras.layers.LSTM(units, name="memory")(state)
    return layers.beside_table(inputs, tokens, state, dropout, "lstm")

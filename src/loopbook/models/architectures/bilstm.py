"""Bidirectional LSTM: two recurrent networks, one of which reads the words from the end."""

from typing import Any

from loopbook.models import layers
from loopbook.models.architecture import Dropout, Inputs, Size, architecture
from loopbook.models.network import Network


@architecture(Network, needs="text")
def bilstm(inputs: Inputs, *, embedding: Size = 48, units: Size = 24, dropout: Dropout = 0.3) -> Any:
    """Return an LSTM in each direction, their last states side by side.

    Parameters
    ----------
    embedding
        Numbers a token.
    units
        Numbers in the state of each direction.
    dropout
        Share of both states that is hidden from the last layer in each training step.

    References
    ----------
    Schuster & Paliwal (1997), Bidirectional recurrent neural networks.
    """
    import keras

    tokens = inputs.tokens()
    state = keras.layers.Embedding(inputs.vocabulary_size, embedding, mask_zero=True, name="words")(tokens)
    state = keras.layers.Bidirectional(keras.layers.LSTM(units), name="memory")(state)
    return layers.beside_table(inputs, tokens, state, dropout, "bilstm")

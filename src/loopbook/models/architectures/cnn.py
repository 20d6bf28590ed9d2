"""Convolutional network: each filter looks for one short phrase, wherever it stands."""

from typing import Any

from loopbook.models import layers
from loopbook.models.architecture import Dropout, Inputs, Kernel, Size, architecture
from loopbook.models.network import Network


@architecture(Network, needs="text")
def cnn(inputs: Inputs, *, embedding: Size = 48, filters: Size = 64, kernel: Kernel = 3, dropout: Dropout = 0.3) -> Any:
    """Return a convolutional network with one maximum a filter.

    Parameters
    ----------
    embedding
        Numbers a token.
    filters
        Phrases to look for.
    kernel
        Tokens a phrase.
    dropout
        Share of the filters that is hidden from the last layer in each training step.

    References
    ----------
    Kim (2014), Convolutional neural networks for sentence classification.
    """
    import keras

    tokens = inputs.tokens()
    is_token = layers.is_token(tokens)
    words = keras.layers.Embedding(inputs.vocabulary_size, embedding, name="words")(tokens)
    # Padding is set to zero before and after, so that the answer does not depend on how far a row is padded.
    words = keras.layers.Multiply()([layers.dropped(words, dropout), is_token])
    found = keras.layers.Conv1D(filters, kernel, padding="same", activation="relu", name="phrases")(words)
    strongest = keras.layers.GlobalMaxPooling1D()(keras.layers.Multiply()([found, is_token]))
    return layers.beside_table(inputs, tokens, strongest, dropout, "cnn")

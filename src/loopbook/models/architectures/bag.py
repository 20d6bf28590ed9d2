"""Bag of embeddings: the mean of the words' embeddings, whatever their order."""

from typing import Any

from loopbook.models import layers
from loopbook.models.architecture import Dropout, Inputs, Size, architecture
from loopbook.models.network import Network


@architecture(Network, needs="text")
def bag(inputs: Inputs, *, embedding: Size = 48, dropout: Dropout = 0.3) -> Any:
    """Return a linear model on the mean embedding.

    References
    ----------
    Joulin et al. (2017), Bag of tricks for efficient text classification.
    """
    import keras

    tokens = inputs.tokens()
    is_token = layers.is_token(tokens)
    words = keras.layers.Embedding(inputs.vocabulary_size, embedding, name="words")(tokens)
    total = keras.ops.sum(keras.layers.Multiply()([words, is_token]), axis=1)
    return layers.beside_table(inputs, tokens, total / keras.ops.sum(is_token, axis=1), dropout, "bag")

"""Transformer encoder from scratch: each word is read in the light of all others, by attention."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from loopbook.models import layers
from loopbook.models.architecture import Dropout, Inputs, Size, architecture
from loopbook.models.network import Network

Few = Annotated[int, Field(ge=1, le=16)]
_SLOWEST = 10_000.0  # the longest period of a position's sine, by 2 pi, as published


@architecture(Network, needs="text")
def transformer(
    inputs: Inputs,
    *,
    embedding: Size = 48,
    heads: Few = 4,
    blocks: Few = 1,
    positions: Literal["sinusoidal", "learned"] = "sinusoidal",
    dropout: Dropout = 0.3,
) -> Any:
    """Return the mean of what a Transformer encoder makes of the words, normalised before each of its parts.

    Parameters
    ----------
    embedding
        Numbers a token, in all blocks; a block's hidden layer has twice as many.
    heads
        Views in which a block compares tokens, each of ``embedding / heads`` numbers.
    blocks
        Attention and hidden layer, so many times.
    positions
        What says where a token stands: sines of fixed periods, or numbers that are learned.
    dropout
        Share that is hidden in each training step: of the embeddings, of what each part adds, of the mean.

    References
    ----------
    Vaswani et al. (2017), Attention is all you need. Xiong et al. (2020), On layer normalization in the Transformer
    architecture.
    """
    import keras

    tokens = inputs.tokens()
    is_token = layers.is_token(tokens)
    # Counted over tokens alone: padding, which comes behind, moves none.
    place = keras.ops.cumsum(keras.ops.cast(keras.ops.not_equal(tokens, 0), "int32"), axis=1)
    words = keras.layers.Embedding(inputs.vocabulary_size, embedding, name="words")(tokens)
    if positions == "learned":
        where = keras.layers.Embedding(inputs.length + 1, embedding, name="positions")(place)
    else:
        periods = np.geomspace(1, _SLOWEST, (embedding + 1) // 2, dtype=np.float32)
        angle = keras.ops.expand_dims(keras.ops.cast(place, "float32"), -1) / periods
        where = keras.ops.concatenate([keras.ops.sin(angle), keras.ops.cos(angle)], axis=-1)[..., :embedding]
    state = layers.dropped(keras.layers.Add()([words, where]), dropout)
    seen = keras.ops.swapaxes(is_token, 1, 2)
    for block in range(1, blocks + 1):
        normal = keras.layers.LayerNormalization(name=f"normal_{block}a")(state)
        attention = keras.layers.MultiHeadAttention(heads, max(1, embedding // heads), name=f"attention_{block}")
        found = attention(normal, normal, attention_mask=seen)
        state = keras.layers.Add()([state, layers.dropped(found, dropout)])
        normal = keras.layers.LayerNormalization(name=f"normal_{block}b")(state)
        found = keras.layers.Dense(2 * embedding, activation="relu", name=f"hidden_{block}")(normal)
        found = keras.layers.Dense(embedding, name=f"output_{block}")(found)
        state = keras.layers.Add()([state, layers.dropped(found, dropout)])
    state = keras.layers.Multiply()([keras.layers.LayerNormalization(name="normal")(state), is_token])
    mean = keras.ops.sum(state, axis=1) / keras.ops.sum(is_token, axis=1)
    return layers.beside_table(inputs, tokens, mean, dropout, "transformer")

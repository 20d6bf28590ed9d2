"""Layers that networks share: the mark of padding, and the answer."""

from typing import Any

from loopbook.models.architecture import Inputs


def is_token(tokens: Any) -> Any:
    """Return 1 for a token and 0 for padding, float32 [n, tokens, 1]."""
    import keras

    return keras.ops.expand_dims(keras.ops.cast(keras.ops.not_equal(tokens, 0), "float32"), -1)


def answer(inputs: Inputs, given: Any, state: Any, dropout: float, name: str) -> Any:
    """Return the model that answers from what was read of a text, and from the table where there is one.

    Parameters
    ----------
    given
        The Keras input that `state` was computed from.
    dropout
        Share of the state that is hidden from the last layer in each training step.
    """
    import keras

    parts = [given]
    state = keras.layers.Dropout(dropout)(state)
    if inputs.width:
        parts.append(inputs.table())
        state = keras.layers.Concatenate()([state, parts[1]])
    return keras.Model(parts, probability(state), name=name)


def probability(state: Any, penalty: float = 0.0) -> Any:
    """Return the last layer: one number with a sigmoid; `penalty` weighs its squared coefficients in the loss."""
    import keras

    regularizer = keras.regularizers.L2(penalty) if penalty else None
    return keras.layers.Dense(1, activation="sigmoid", kernel_regularizer=regularizer, name="probability")(state)

"""Layers that networks share: the mark of padding, hidden layers, and what was read beside the table."""

from typing import Any

from loopbook.models.architecture import Inputs


def is_token(tokens: Any) -> Any:
    """Return 1 for a token and 0 for padding, float32 [n, tokens, 1]."""
    import keras

    return keras.ops.expand_dims(keras.ops.cast(keras.ops.not_equal(tokens, 0), "float32"), -1)


def dropped(state: Any, dropout: float) -> Any:
    """Return a state of which a share is hidden in each training step."""
    from loopbook.models.dropout import Dropout

    return Dropout(dropout)(state)


def hidden(state: Any, units: int, layers: int, dropout: float, normalise: bool = False) -> Any:
    """Return what so many hidden layers make of a state, float32 [n, units]; arguments as of `mlp`."""
    import keras

    for depth in range(layers):
        state = keras.layers.Dense(units, name=f"hidden_{depth + 1}")(state)
        if normalise:
            state = keras.layers.LayerNormalization(name=f"normal_{depth + 1}")(state)
        state = keras.layers.Activation("relu")(state)
        state = dropped(state, dropout)
    return state


def beside_table(inputs: Inputs, given: Any, state: Any, dropout: float, name: str) -> Any:
    """Return the model that gives what was read of a text, and beside it the table where there is one.

    Parameters
    ----------
    given
        The Keras input that `state` was computed from.
    dropout
        Share of the state that is hidden from the head in each training step.
    """
    import keras

    parts = [given]
    state = dropped(state, dropout)
    if inputs.width:
        parts.append(inputs.table())
        state = keras.layers.Concatenate()([state, parts[1]])
    return keras.Model(parts, state, name=name)

"""An LSTM computed by one operation gives what Keras' loop gives, gradient included."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from loopbook.models.training import runtime
from loopbook.models.training.block_lstm import in_one_operation


def tokens(holes: bool) -> np.ndarray:
    """Return rows of many lengths, an empty one too, padded with 0; with holes, some have 0 between words."""
    random = np.random.default_rng(3)
    rows = random.integers(1, 50, (7, 9)).astype(np.int32)
    for row, length in enumerate((9, 3, 1, 0, 5, 9, 7)):
        rows[row, length:] = 0
    if holes:
        rows[4:, 2] = rows[5, 0] = 0
    return rows


def built(kind: str, masked: bool) -> Any:
    import keras

    runtime.prepare(5)
    given = keras.Input((None,), dtype="int32")
    state = keras.layers.Embedding(50, 6, mask_zero=masked)(given)
    layer = keras.layers.LSTM(5, go_backwards=kind == "backwards", bias_initializer="random_normal")
    return keras.Model(given, (keras.layers.Bidirectional(layer) if kind == "both ways" else layer)(state))


@pytest.mark.parametrize("kind", ["forwards", "backwards", "both ways"])
@pytest.mark.parametrize(("masked", "holes"), [(True, True), (False, False)])
def test_states_and_gradients_are_the_same(kind: str, masked: bool, holes: bool) -> None:
    import tensorflow as tf

    model, rows = built(kind, masked), tokens(holes)

    def found(fused: bool) -> list[np.ndarray]:
        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)], autograph=False)
        def step(rows: Any) -> list[Any]:
            with tf.GradientTape() as tape, in_one_operation(model) if fused else nullcontext():
                state = model(rows, training=True)
                loss = tf.reduce_sum(tf.square(state - 0.5))
            return [state, *map(tf.convert_to_tensor, tape.gradient(loss, model.trainable_variables))]

        operations = {node.type for node in step.get_concrete_function().graph.get_operations()}
        assert ("BlockLSTM" in operations) is fused
        return [value.numpy() for value in step(rows)]

    for ours, theirs in zip(found(True), found(False), strict=True):
        assert np.abs(ours - theirs).max() <= 1e-6 * max(1, np.abs(theirs).max())


@pytest.mark.parametrize(
    "settings",
    [{"return_sequences": True}, {"dropout": 0.5}, {"recurrent_dropout": 0.5}, {"activation": "relu"}, {"use_bias": 0}],
)
def test_a_layer_that_does_more_is_left_alone(settings: dict[str, Any]) -> None:
    import keras

    given = keras.Input((None, 3))
    layer = keras.layers.LSTM(4, **settings)
    model = keras.Model(given, layer(given))
    with in_one_operation(model):
        assert "inner_loop" not in vars(layer)
    whole = keras.layers.LSTM(4)
    with in_one_operation(keras.Model(given, whole(given))):
        assert "inner_loop" in vars(whole)
    assert "inner_loop" not in vars(whole)

"""The lean GELU is Keras' own, in value and gradient, and a layer has its own back afterwards."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from loopbook.models.training import runtime
from loopbook.models.training.lean_gelu import gelu, lean


@pytest.fixture(scope="module", autouse=True)
def _repeatable() -> None:
    runtime.prepare(1)


def test_value_and_gradient_are_those_of_keras() -> None:
    x = tf.constant(np.concatenate([np.linspace(-12, 12, 4001), [0.0, -0.0, 1e-30, -80, 80]]), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours, theirs = gelu(x), keras.activations.gelu(x, approximate=False)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
    np.testing.assert_allclose(tape.gradient(ours, x), tape.gradient(theirs, x), rtol=0, atol=1e-6)


def test_nothing_but_its_input_is_held_for_the_gradient() -> None:
    def held(activation: object) -> int:
        def forward(x: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = activation(x)  # type: ignore[operator]
            return tape.gradient(y, x)

        graph = tf.function(forward, autograph=False).get_concrete_function(tf.TensorSpec([None, 8], tf.float32)).graph
        inside = {op.name for op in graph.get_operations() if not op.name.startswith("gradient")}
        used = {given.op.name for op in graph.get_operations() if op.name.startswith("gradient") for given in op.inputs}
        wide = {name for name in inside & used if graph.get_operation_by_name(name).outputs[0].shape.rank == 2}
        return len(wide)

    assert held(lambda x: keras.activations.gelu(x, approximate=False)) > held(gelu)


def test_layers_have_their_own_function_back() -> None:
    class Pair(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.bent, self.plain = keras.layers.Dense(3, activation="gelu"), keras.layers.Dense(3, activation="relu")

        def call(self, x: tf.Tensor) -> tf.Tensor:
            return self.plain(self.bent(x))

    pair, x = Pair(), tf.ones((2, 4))
    before = pair(x).numpy()
    with lean(pair):
        assert pair.bent.activation is gelu
        assert pair.plain.activation is keras.activations.relu
        np.testing.assert_allclose(pair(x), before, atol=1e-6)
    assert pair.bent.activation is keras.activations.gelu

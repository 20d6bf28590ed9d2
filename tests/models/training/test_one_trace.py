"""Layers that share a trace give what layers of their own give, dropout and gradient included."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from tests.models.conftest import Problem

from loopbook.models.architecture import Inputs
from loopbook.models.architectures import registry
from loopbook.models.network import Network
from loopbook.models.training.one_trace import traced_once


@pytest.mark.parametrize(
    ("adaptation", "half"), [("full", False), ("lora", True), ("adapters", False), ("prefix", False), ("last", False)]
)
def test_scores_gradients_and_random_states_are_the_same(
    adaptation: str, half: bool, text: Problem, tiny_bert: str
) -> None:
    import tensorflow as tf

    settings = {"preset": tiny_bert, "adaptation": adaptation, "dropout": 0.3, "rank": 2, "last": 1}

    def stepped(shared: bool) -> tuple[list[np.ndarray], list[np.ndarray]]:
        network = Network.build(registry.find("encoder"), settings, Inputs.of(text.features), seed=3, half=half)
        batch = {"pieces": network.encode(text.features, text.train.head(8))["pieces"]}
        trained = network.model.trainable_variables

        @tf.function(autograph=False)
        def step() -> list[object]:
            with tf.GradientTape() as tape, traced_once(network.model) if shared else nullcontext():
                scores = tf.cast(network.model(batch, training=True), tf.float32)
                loss = tf.reduce_sum(tf.square(scores - 1))
            return [scores, *(tf.convert_to_tensor(slope) for slope in tape.gradient(loss, trained))]

        found = [value.numpy() for value in (*step(), *step())]
        frozen = [variable.numpy() for variable in network.model.non_trainable_variables]
        assert all("call" not in vars(layer) for layer in network.model.layers)
        return found, frozen

    (own, before), (one, after) = stepped(False), stepped(True)
    for mine, other in zip(own, one, strict=True):
        assert np.abs(mine - other).max() <= 2e-5 * max(1, np.abs(mine).max())
    for mine, other in zip(before, after, strict=True):
        assert np.array_equal(mine, other)
    assert np.abs(one[0] - one[len(one) // 2]).max() > 1e-3  # the second step drops others


def test_a_network_without_such_layers_is_left_alone(text: Problem) -> None:
    network = Network.build(registry.find("bag"), {}, Inputs.of(text.features), seed=3)
    with traced_once(network.model):
        assert all("call" not in vars(layer) for layer in network.model.layers)

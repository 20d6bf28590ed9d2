"""Activation checkpointing computes layers twice, and the gradient is the same, dropout included."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from tests.models.conftest import Problem
from tests.models.training.test_fitting import fit

from loopbook.models.architecture import Inputs
from loopbook.models.architectures import registry
from loopbook.models.network import Network
from loopbook.models.training.recompute import recomputed
from loopbook.scenario.errors import ScenarioError


@pytest.mark.parametrize(("adaptation", "half"), [("full", False), ("lora", True)])
def test_the_gradient_is_the_same(adaptation: str, half: bool, text: Problem, tiny_bert: str) -> None:
    import tensorflow as tf

    settings = {"preset": tiny_bert, "adaptation": adaptation, "dropout": 0.3, "rank": 2}

    def gradients(again: bool) -> tuple[int, list[np.ndarray]]:
        network = Network.build(registry.find("encoder"), settings, Inputs.of(text.features), seed=3, half=half)
        batch, calls = {"pieces": network.encode(text.features, text.train.head(8))["pieces"]}, []
        layer = next(layer for layer in network.model.layers if layer.name == "transformer_layer_0")
        whole = layer.call
        layer.call = lambda *given, **named: calls.append(0) or whole(*given, **named)

        @tf.function
        def step() -> list[object]:
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.square(tf.cast(network.model(batch, training=True), tf.float32) - 1))
            return [tf.convert_to_tensor(slope) for slope in tape.gradient(loss, network.model.trainable_variables)]

        with recomputed(network.model) if again else nullcontext():
            slopes = [slope.numpy() for slope in (*step(), *step())]
        return len(calls), slopes

    (once, plain), (twice, recompute) = gradients(False), gradients(True)
    assert (once, twice) == (1, 2)
    for one, two in zip(plain, recompute, strict=True):
        assert np.abs(one - two).max() <= 1e-5 * max(1, np.abs(one).max())
    assert max(np.abs(one).max() for one in plain) > 0.01


def test_what_has_no_such_layers_refuses(text: Problem, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="'bag' has no layers of an encoder"):
        fit(text, tmp_path, "bag", recompute=True)

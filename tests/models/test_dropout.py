"""What dropout hides, and that it can be repeated."""

from __future__ import annotations

import numpy as np
import pytest

from loopbook.models.architecture import Inputs
from loopbook.models.architectures import registry
from loopbook.models.network import Network
from loopbook.models.training import runtime


@pytest.mark.parametrize(("share", "hidden"), [(0.1, 26 / 256), (0.5, 0.5), (0.001, 1 / 256), (0.999, 255 / 256)])
def test_a_share_is_hidden_and_the_mean_stays(share: float, hidden: float) -> None:
    runtime.prepare(1)
    from loopbook.models.dropout import Dropout

    given = np.full((301, 1001), 2.0, dtype=np.float32)
    found = Dropout(share)(given, training=True).numpy()
    assert (found == 0).mean() == pytest.approx(hidden, abs=0.004)
    assert np.unique(found[found != 0]) == pytest.approx([2 / (1 - hidden)])
    # No row and no column is spared, and neighbours, which share a draw, hide independently.
    assert (found == 0).mean(axis=0) == pytest.approx(hidden, abs=0.16)
    both = ((found[:, :-1] == 0) & (found[:, 1:] == 0)).mean()
    assert both == pytest.approx(hidden**2, abs=0.004)


def test_each_draw_differs_and_equal_states_draw_alike() -> None:
    runtime.prepare(1)
    from loopbook.models.dropout import Dropout

    layer, given = Dropout(0.5), np.ones((7, 9), dtype=np.float32)
    state = layer.seed_generator.state.numpy()
    first, second = (layer(given, training=True).numpy() for _ in range(2))
    assert not np.array_equal(first, second)
    layer.seed_generator.state.assign(state)
    assert np.array_equal(layer(given, training=True), first)
    assert np.array_equal(layer(given), given) and np.array_equal(Dropout(0.0)(given, training=True), given)


def test_no_layer_of_an_encoder_keeps_the_dropout_of_keras(tiny_bert: str) -> None:
    settings = {"preset": tiny_bert, "dropout": 0.2}
    network = Network.build(registry.find("encoder"), settings, Inputs(0, 0, 0), seed=1)
    import keras

    from loopbook.models.dropout import Dropout

    parts = [part for part in network.model._flatten_layers() if isinstance(part, keras.layers.Dropout)]
    # Of the embeddings and of the mean; of attention, of its output and of the hidden layer's, twice.
    assert len(parts) == 2 + 2 * 3
    assert all(type(part) is Dropout and part.rate == 0.2 for part in parts)

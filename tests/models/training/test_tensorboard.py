from __future__ import annotations

from pathlib import Path
from socket import gethostname

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

from loopbook.models.training.tensorboard import Events


def read(folder: Path) -> EventAccumulator:
    found = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    found.Reload()
    return found


def test_scalars_histograms_and_curves_are_read_back(tmp_path: Path) -> None:
    with Events(tmp_path) as events:
        for step in (1, 2, 3):
            events.scalars(step, {"loss": 1 / step, "auc": float("nan")})
        events.histogram(3, "weights", np.arange(100.0).reshape(10, 10))
        events.precision_recall(3, "curve", [0, 0, 1, 1], [0.1, 0.6, 0.5, 0.9])
    found = read(tmp_path)
    assert set(found.Tags()["tensors"]) == {"loss", "weights", "curve"}
    losses = [(event.step, float(tensor_util.make_ndarray(event.tensor_proto))) for event in found.Tensors("loss")]
    assert losses == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
    buckets = tensor_util.make_ndarray(found.Tensors("weights")[0].tensor_proto)
    assert buckets[:, 2].sum() == 100 and buckets[0, 0] == 0 and buckets[-1, 1] == 99
    tp, fp, tn, fn, precision, recall = tensor_util.make_ndarray(found.Tensors("curve")[0].tensor_proto)
    at = 110  # threshold 0.55: 0.6 and 0.9 are called positive
    assert (tp[at], fp[at], tn[at], fn[at]) == (1, 1, 1, 1)
    assert (precision[at], recall[at]) == (0.5, 0.5)
    assert (recall[0], precision[0]) == (1, 0.5)
    plugins = {tag: found.SummaryMetadata(tag).plugin_data.plugin_name for tag in ("loss", "weights", "curve")}
    assert plugins == {"loss": "scalars", "weights": "histograms", "curve": "pr_curves"}


def test_a_continued_fit_adds_a_file_and_none_names_the_machine(tmp_path: Path) -> None:
    for step in (1, 2):
        with Events(tmp_path) as events:
            events.scalars(step, {"loss": 0.5})
    names = sorted(file.name for file in tmp_path.iterdir())
    assert len(names) == 2 and all(name.startswith("events.out.tfevents.") for name in names)
    assert not any(gethostname() in name for name in names)
    assert [event.step for event in read(tmp_path).Tensors("loss")] == [1, 2]

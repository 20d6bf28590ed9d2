"""TensorBoard's series are drawn from real event files, without TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from loopbook.models.training.tensorboard import Events
from loopbook.reports import training_curves


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Events(tmp_path) as written:
        for step, (loss, held) in enumerate([(0.7, 0.69), (0.5, 0.55), (0.3, 0.6)], start=1):
            written.scalars(step, {"loss": loss, "val_loss": held})
            written.histogram(step, "weights/<b>dense</b>", np.arange(10.0) * step)
        written.scalars(3, {"validation/roc_auc": 0.81})
        written.precision_recall(3, "validation/precision_recall", [0, 1, 0, 1], [0.1, 0.9, 0.4, 0.3])
    return tmp_path


def test_scalars_histograms_and_curves_are_drawn_with_their_finding(folder: Path) -> None:
    found = training_curves.board(folder)
    assert found is not None
    assert [chart["title"] for chart in found["scalars"]] == ["loss"]
    assert "train goes from 0.700 to 0.300" in found["scalars"][0]["alt"]
    assert "validation goes from 0.690 to 0.600, lowest 0.550" in found["scalars"][0]["alt"]
    assert found["histograms"][0]["alt"].startswith("weights/<b>dense</b>: 10 values from 0 to 27 at the last step")
    assert "Precision against recall" in found["curves"][0]["alt"]
    assert [(number.name, number.value) for number in found["last"]] == [("ROC AUC", "0.810")]


def test_a_folder_without_events_draws_nothing(tmp_path: Path) -> None:
    assert training_curves.board(tmp_path) is None
    assert training_curves.board(tmp_path / "absent") is None


def test_tensorflow_is_not_imported(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from loopbook.reports import training_curves\n"
        "assert training_curves.board(Path(sys.argv[1])) is not None\n"
        "print('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

"""What a model costs to run is measured in a process of its own, from the row to the action."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pandas as pd
import pytest
from tests.models.conftest import (
    Problem,
    cells,  # noqa: F401  a fixture
    goals,
    heads_of,
)

from loopbook.decisions import footprint
from loopbook.decisions.policies import Threshold
from loopbook.decisions.small_page import Board
from loopbook.models import memory
from loopbook.models.architectures import registry
from loopbook.models.model import Model
from loopbook.models.shipping import onnx_export
from loopbook.statistics import metrics

POLICY = Threshold(actions=("clear", "refer"), threshold=0.5, origin="a test").model_dump(mode="json")


def test_a_decision_is_timed_and_memory_is_of_its_own_process(cells: Problem, tmp_path: Path) -> None:  # noqa: F811
    kind = registry.find("table_logistic")
    predictor = kind.make(cells.features, cells.train, goals(cells))
    onnx_export.export(Model("table_logistic", cells.features, predictor, heads_of(cells)), tmp_path)
    here = bytearray(800_000_000)
    here[::4096] = b"x" * len(here[::4096])
    found = footprint.measure(tmp_path, POLICY, ("good", "bad"), cells.validation, 20)
    assert set(found) == {"p50_ms", "p99_ms", "rows_per_second", "load_ms", "peak_bytes"}
    assert 0 < found["p50_ms"] <= found["p99_ms"]
    assert 5e7 < found["peak_bytes"] < len(here) < memory.peak()


def test_what_fails_in_the_process_fails_here(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        footprint.measure(tmp_path, POLICY, ("good", "bad"), pd.DataFrame({"x": [1.0]}), 20)
    assert "holds no model" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("quality", "cost", "front"),
    [
        ([0.9, 0.9, 0.8], [90, 20, 1], ["pruned", "int8"]),
        ([0.9, 0.8, 0.7], [1, 20, 90], ["float32"]),
        ([0.7, 0.8, 0.9], [1, 20, 90], ["float32", "int8", "pruned"]),
        ([0.9, 0.9, 0.9], [5, 5, 5], ["float32"]),
    ],
)
def test_the_front_holds_what_nothing_beats(quality: list[float], cost: list[float], front: list[str]) -> None:
    names = pd.Index(["float32", "int8", "pruned"])
    table = pd.DataFrame({"roc_auc": quality, "MB": cost, "p50_ms": 1.0, "peak_MB": 1.0}, index=names)
    board = Board(table.assign(p50_ms=[1.0, 0.5, 0.95]), metrics.METRICS["roc_auc"])
    assert board.front("MB") == front
    said = board.helps()["of float32"]
    assert said["float32"] == "saves nothing" and "time 50%" in said["int8"] and "time" not in said["pruned"]

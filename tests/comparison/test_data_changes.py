"""Rows, columns and distributions of two runs' tables: what is the same, what moved, and by how much."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loopbook.comparison import data_changes
from loopbook.reports import comparison_page
from loopbook.store import content
from loopbook.store.project import Project
from loopbook.store.records import Run, StageRecord


def run(project: Project, name: str, frame: pd.DataFrame) -> Run:
    """Return a run whose 02 wrote a table for training."""
    place = content.save(frame, project.store / "02_data" / name / "train")
    record = StageRecord(
        stage="02_data",
        key=name,
        state="done",
        artifacts={"train": place.relative_to(project.data).as_posix()},
        digests={"train": content.digest(place)},
    )
    return Run(
        scenario="tiny", title="Tiny", description="", simulated=False, run=name, profile="standard", status="good",
        started="2026-11-24T03:12:00+00:00", seconds=1.0, stages={"02_data": record},
    )  # fmt: skip


def compared(folder: Path, old: pd.DataFrame, new: pd.DataFrame) -> data_changes.Table:
    project = Project(folder)
    (found,) = data_changes.tables(project, run(project, "a", old), run(project, "b", new))
    return found


def test_same_content_is_said_without_comparing_columns(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    found = compared(tmp_path, frame, frame.copy())
    assert (found.same, found.rows, found.width, found.columns) == (True, (3, 3), (1, 1), ())


def test_index_of_a_two_valued_column_is_that_of_a_hand_count(tmp_path: Path) -> None:
    old, new = ["yes"] * 300 + ["no"] * 700, ["yes"] * 500 + ["no"] * 500
    (column,) = compared(tmp_path, pd.DataFrame({"label": old}), pd.DataFrame({"label": new})).columns
    # (.5 - .3) ln(.5/.3) + (.5 - .7) ln(.5/.7) = .16946, less (2 - 1)(1/1000 + 1/1000)
    assert column.psi == pytest.approx(0.16946 - 0.002, abs=1e-3)
    assert (column.a, column.b) == ("no 70.0%, yes 30.0%", "no 50.0%, yes 50.0%")
    assert column.moved


def test_a_shifted_number_is_first_and_drawn_and_a_redrawn_one_has_not_moved(tmp_path: Path) -> None:
    draw = np.random.default_rng(7)
    old = pd.DataFrame({"still": draw.normal(size=4000), "shifted": draw.normal(size=4000)})
    new = pd.DataFrame({"still": draw.normal(size=4000), "shifted": draw.normal(1, size=4000)})
    found = compared(tmp_path, old, new)
    shifted, still = found.columns
    assert (shifted.name, shifted.moved, still.name) == ("shifted", True, "still")
    assert shifted.psi is not None and still.psi is not None
    assert still.psi < 0.005 < 0.5 < shifted.psi  # of two normals one deviation apart the index is 1 in the limit
    drawn, *_ = comparison_page.distributions(found)
    assert drawn["title"] == "shifted"
    assert drawn["alt"].startswith("Distribution of shifted. A: mean -0.0")


def test_columns_of_one_run_only_and_missing_values_are_told(tmp_path: Path) -> None:
    old = pd.DataFrame({"gone": [1, 2, 3], "holes": [1.0, 2.0, 3.0], "empty": [None] * 3})
    new = pd.DataFrame({"new": [1, 2, 3], "holes": [np.nan, np.inf, np.nan], "empty": [None] * 3})
    found = {each.name: each for each in compared(tmp_path, old, new).columns}
    assert (found["gone"].a, found["gone"].b, found["new"].a) == ("there", "not there", "not there")
    assert (found["holes"].a, found["holes"].b) == ("mean 2", "empty")
    assert not found["empty"].moved


def test_texts_are_compared_by_length_and_times_by_their_ends(tmp_path: Path) -> None:
    times = pd.date_range("2026-01-01", periods=200, freq="D", tz="UTC")
    old = pd.DataFrame({"time": times, "text": [f"{at} short" for at in range(200)]})
    new = pd.DataFrame({"time": times.shift(31), "text": [f"{at} a text that is longer" for at in range(200)]})
    found = {each.name: each for each in compared(tmp_path, old, new).columns}
    assert (found["time"].a, found["time"].b) == ("2026-01-01 to 2026-07-19", "2026-02-01 to 2026-08-19")
    assert found["time"].moved
    assert found["text, characters"].psi is not None and found["text, characters"].psi > 1


def test_tables_that_left_the_store_are_left_out(tmp_path: Path) -> None:
    project = Project(tmp_path)
    a, b = (run(project, name, pd.DataFrame({"x": [1]})) for name in "ab")
    (project.data / b.stages["02_data"].artifacts["train"]).unlink()
    assert data_changes.tables(project, a, b) == []

"""A second round of the default agent: what was approved changes 01, 02 and 05, and nothing else does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.smoke import ROOT, Place, Ran

from loopbook.data.features import Features
from loopbook.models import seen_rows
from loopbook.store import champions, content, snapshots
from loopbook.store.project import Project


@pytest.fixture(scope="module")
def first(ran: Ran, place: Callable[[str], Place]) -> Place:
    """Return a copy of the smoke run's folder, in which one may go on."""
    where = place("rounds")
    for name in ("data", "reports"):
        shutil.copytree(ran[0].folder / name, where.folder / name)
    return where


@pytest.fixture(scope="module")
def again(first: Place) -> str:
    """Return what a second run of the same says."""
    return first.python("-m", "loopbook", "run", "--profile", "smoke").stdout


@pytest.fixture(scope="module")
def second(first: Place, again: str) -> Ran:
    """Return the folder of a loop of two rounds that goes on from the smoke run, and the second round's record."""
    where = first
    done = where.python("-m", "loopbook", "loop", "--profile", "smoke", "--rounds", "2")
    assert done.returncode in (0, 3), done.stdout + done.stderr
    return where, json.loads((where.folder / "reports" / "market-monitor" / "latest" / "run.json").read_text("utf-8"))


def table(where: Place, record: dict[str, Any], name: str) -> pd.DataFrame:
    return pd.read_parquet(where.folder / "data" / record["stages"]["02_data"]["artifacts"][name])


def test_a_second_run_has_nothing_to_do(ran: Ran, again: str) -> None:
    assert f"Nothing to do: everything is up to date since run {ran[1]['run']}." in again


def test_the_second_round_differs_by_what_was_approved(ran: Ran, second: Ran) -> None:
    before, (where, after) = ran[1], second
    assert (before["round"], after["round"]) == (0, 1)
    assert {one["by"] for one in after["approved"]} == {"policy safe"}
    changed = {
        name: {each for each in stage["inputs"] if stage["inputs"][each] != before["stages"][name]["inputs"][each]}
        for name, stage in after["stages"].items()
    }
    assert changed["01_requirements"] == {"carried findings"}
    carried = {"carried outcomes", "carried window", "carried boundaries"}
    assert carried <= changed["02_data"] <= carried | {"spec", "carried corrections"}
    assert (
        "carried first" in changed["05_decisions"]
        and not {"carried rules", "carried threshold"} & changed["05_decisions"]
    )
    assert all(after["stages"][name]["state"] == "done" for name in ("01_requirements", "02_data", "05_decisions"))

    (snapshot,) = (where.folder / "data" / "state" / "snapshots" / "market-monitor" / "smoke").glob("0001-*.json")
    sealed = json.loads(snapshot.read_text(encoding="utf-8"))
    approved = {
        one["row_id"]: one["label"] for one in (*sealed["outcomes"], *sealed["corrections"]) if "output" not in one
    }
    added = pd.concat(
        [
            frame[~frame["row_id"].isin(table(where, before, name)["row_id"])]
            for name in ("train", "validation")
            for frame in [table(where, after, name)]
        ]
    )
    assert added.set_index("row_id")["label"].to_dict() == approved
    assert set(added["row_id"]) <= set(table(where, before, "stream")["row_id"])
    assert after["stages"]["02_data"]["metrics"]["learned_rows"] == len(approved)
    for name in ("test", "gate"):
        pd.testing.assert_frame_equal(table(where, after, name), table(where, before, name))
    assert table(where, after, "stream")["time"].min() > table(where, before, "stream")["time"].max()


def test_what_the_rounds_have_brought_is_measured_on_the_same_rows(second: Ran) -> None:
    figures = second[1]["stages"]["05_decisions"]["metrics"]
    gain = figures["stream_roc_auc"] - figures["stream_roc_auc_first_round"]
    assert figures["rounds_gain"] == pytest.approx(gain)
    assert figures["rounds_gain_low"] <= figures["rounds_gain"] <= figures["rounds_gain_high"]


def test_after_a_loop_a_plain_run_has_nothing_to_do(second: Ran) -> None:
    where, record = second
    done = where.python("-m", "loopbook", "run", "--profile", "smoke")
    assert f"Nothing to do: everything is up to date since run {record['run']}." in done.stdout
    page = (where.folder / "reports" / "index.html").read_text(encoding="utf-8")
    assert "Rounds, profile smoke" in page


def test_a_notebook_opened_by_hand_lives_in_the_current_round(second: Ran) -> None:
    where, record = second
    output = Path(where.folder) / "by-hand.ipynb"
    done = where.python(
        "-m", "papermill", "notebooks/02_data.ipynb", str(output), "-p", "profile", "smoke", "--no-progress-bar"
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    assert dict(where.draft("market-monitor", "02_data", "results")) == record["stages"]["02_data"]["metrics"]


def told(where: Place) -> dict[str, str]:
    """Return the pages of the last three stages of the latest run."""
    folder = where.folder / "reports" / "market-monitor" / "latest"
    stages = "05_decisions", "06_monitoring", "07_feedback"
    return {stage: (folder / f"{stage}.html").read_text("utf-8") for stage in stages}


def test_an_approved_threshold_is_in_force_for_its_model(second: Ran) -> None:
    where, record = second
    project = Project(ROOT, data_at=where.folder / "data")
    champion = content.digest(project.data / record["stages"]["04_optimization"]["artifacts"]["champion"])
    before = snapshots.current(project, "market-monitor", "smoke")
    changed = {"round": before.round + 1, "threshold": 0.9, "threshold_model": champion}
    assert snapshots.seal(project, "market-monitor", "smoke", before.model_copy(update=changed))
    assert where.run("market-monitor")["stages"]["04_optimization"]["state"] == "fresh"
    pages = told(where)
    assert all("is 0.900: as approved" in pages[stage] for stage in ("06_monitoring", "07_feedback"))
    assert "threshold 0.900 is void" not in pages["05_decisions"]


def test_a_champion_of_record_is_measured_on_rows_that_it_has_not_learned_and_has_no_threshold_of_another_model(
    ran: Ran, second: Ran
) -> None:
    where, record = second
    project = Project(ROOT, data_at=where.folder / "data")
    challenger = project.data / ran[1]["stages"]["07_feedback"]["artifacts"]["challenger"]
    planted, test = where.folder / "planted", table(where, record, "test")
    shutil.copytree(challenger, planted)
    features = Features.model_validate(content.load(planted / "features.json"))
    seen_rows.save(np.union1d(seen_rows.load(planted), seen_rows.learned(features, test.iloc[[5, 9]])), planted)
    outputs = []
    for folder in (challenger, planted):
        before = snapshots.current(project, "market-monitor", "smoke")
        changed = {
            "round": before.round + 1,
            "champion": champions.keep(project, folder),
            "threshold": 0.9,
            "threshold_model": "0" * 64,
        }
        snapshots.seal(project, "market-monitor", "smoke", before.model_copy(update=changed))
        done = where.python("-m", "loopbook", "run", "--profile", "smoke")
        outputs.append((done.returncode, " ".join(done.stdout.split())))
        assert all("threshold 0.900 is void" in page for page in told(where).values())
    assert outputs[0][0] in (0, 3), "it has learned from the window before, and from no row of test or of this window"
    assert outputs[1][0] == 1
    first = ", ".join(map(repr, test["row_id"].iloc[[5, 9]]))
    assert f"2 of {len(test)} rows to measure the candidate" in outputs[1][1]
    assert f"are rows that it has learned from: {first}. Its figures would flatter" in outputs[1][1]

"""A run is repeated from its record alone, and compared metric by metric."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from loopbook.cli.commands import app
from loopbook.runner import reproduction
from loopbook.store import records, vault
from loopbook.store.project import Project
from loopbook.store.records import Run, StageRecord


def call(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def tiny(project: Project) -> Project:
    rows = "\n".join(f"{number},{number % 2}" for number in range(300))
    (project.root / "numbers.csv").write_text(f"x,y\n{rows}\n")
    return project


def test_a_run_is_repeated_from_its_record_and_a_metric_that_differs_is_named(tiny: Project) -> None:
    given = "training.epochs=2 training.learning_rate=0.00001"
    assert call("run", "--scenario", "tiny", "--params", given).exit_code == 0
    (run,) = records.runs(tiny)
    scenario = tiny.scenarios / "tiny.yaml"
    scenario.write_text(scenario.read_text().replace("title: Tiny", "title: Another"))  # the record says what it was
    done = call("reproduce", run.run)
    assert done.exit_code == 0, done.output
    assert "4 metrics compared, all equal" in done.output
    assert records.runs(tiny) == [run], "it works in a store of its own"
    again = records.load(next((tiny.data / "reproduced" / "tiny" / run.run).rglob("runs/tiny/*.json")), records.Run)
    assert again.title == "Tiny"
    assert {each.name: each.value for each in again.stages["03_training[one]"].parameters} == {"epochs": 2}

    path = tiny.notebooks / "02_data.ipynb"
    path.write_text(path.read_text().replace("frame.x.sum()", "frame.x.sum() + 1"))
    other = call("reproduce", f"tiny/{run.run}")
    assert other.exit_code == 1
    assert "02_data total: 12.0 then, 13.0 now" in other.output
    assert "1 differ" in other.output


def test_what_keeps_a_repetition_from_being_equal_is_said(project: Project) -> None:
    def run(revision: str, **hardware: object) -> Run:
        origin = records.Origin(revision=revision, python="3.11.1", hardware=dict(hardware))
        stages = {"02_data": StageRecord(stage="02_data", key="k", state="done", metrics={"auc": 0.5, "rows": 3})}
        return Run(
            scenario="tiny", title="", description="", simulated=True, run="20260101-000000", profile="smoke",
            status="good", started="2026-01-01T00:00:00+00:00", seconds=1, stages=stages, origin=origin,
        )  # fmt: skip

    work = project.work / "k"
    work.mkdir(parents=True)
    facts = {"origin": run("a", cores=2).origin.model_dump(), "versions": {"nothing": "0.9"}}
    vault.seal(work, project.store / "02_data" / "k", facts)
    found = reproduction.compare(project, run("a", cores=2), run("b", cores=4))
    assert found.equal and found.compared == 2
    assert found.obstacles == (
        "other revision: a then, b now",
        "other hardware: cores 2 then, 4 now",
        "other version of nothing: 0.9 then, 1 now",
    )


def test_a_run_that_is_not_there_is_refused(project: Project, tmp_path: Path) -> None:
    for name in ("20260101-000000", "none/20260101-000000"):
        done = call("reproduce", name)
        assert done.exit_code == 2
        assert "There is no run" in done.output

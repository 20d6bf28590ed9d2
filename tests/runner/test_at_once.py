"""Two runs of one scenario started at once: nothing is done twice, and everything is right."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime

import pytest

from loopbook.runner.ongoing import named, ongoing
from loopbook.store import records
from loopbook.store.project import Project

EXECUTED = ["02_data", "03_training one", "03_training two", "04_optimization"]
BEGAN = datetime(2026, 11, 24, 3, 12, tzinfo=UTC)


def edit(project: Project, stage: str, old: str, new: str) -> None:
    path = project.notebooks / f"{stage}.ipynb"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def start(project: Project, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "loopbook", "run", "--scenario", "tiny", *words]
    return subprocess.Popen(command, cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture
def noted(project: Project) -> Project:
    """Return the small project, with rows enough to run, whose notebooks note each execution in a file."""
    rows = "\n".join(f"{number},{number % 2}" for number in range(300))
    (project.root / "numbers.csv").write_text(f"x,y\n{rows}\n")
    for stage, name in (("02_data", ""), ("03_training", " + ' ' + candidate"), ("04_optimization", "")):
        note = f"with open('../executed', 'a') as file:\\n    file.write('{stage}'{name} + '\\\\n')\\n"
        edit(project, stage, '"stage = Stage.open(', f'"{note}stage = Stage.open(')
    return project


def executed(project: Project) -> list[str]:
    return sorted((project.root / "executed").read_text().splitlines())


def whole_folders(project: Project) -> dict[str, object]:
    """Return the content digests of all stage outputs, by folder."""
    return {
        path.parent.relative_to(project.store).as_posix(): json.loads(path.read_text())["digests"]
        for path in project.store.glob("*/*/stage.json")
    }


def test_two_runs_at_once_execute_each_stage_once_and_both_are_right(noted: Project) -> None:
    running = [start(noted) for _ in range(2)]
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    assert executed(noted) == EXECUTED
    runs = records.runs(noted)
    assert {run.status for run in runs} == {"good"}
    assert len({run.run for run in runs}) == len(runs)
    states = Counter(name for run in runs for name, each in run.stages.items() if each.state == "done")
    assert set(states.values()) == {1}, "each stage was done by one of the runs, and fresh for the other"
    for run in runs:
        assert json.loads((noted.reports / "tiny" / run.run / "run.json").read_text())["run"] == run.run
        assert run.run in (noted.reports / "index.html").read_text()
    latest = records.latest(noted, "tiny")
    assert latest is not None
    assert json.loads((noted.reports / "tiny" / "latest" / "run.json").read_text())["run"] == latest.run
    assert not ongoing(noted)
    assert not [path for path in noted.work.rglob("*") if path.is_file() and path.suffix != ".lock"]
    together = whole_folders(noted)
    subprocess.run(["rm", "-r", str(noted.data)], check=True)
    alone = start(noted)
    assert alone.wait() == 0, alone.communicate()
    assert whole_folders(noted) == together


def test_one_that_is_killed_leaves_its_work_to_the_one_that_waits(noted: Project) -> None:
    os.mkfifo(noted.root / "begun")
    os.mkfifo(noted.root / "never")
    pause = (
        "import os\\nif not os.path.exists('../second'):\\n    open('../begun', 'w').close()\\n    open('../never')\\n"
    )
    edit(noted, "02_data", "stage.write(", f"{pause}stage.write(")
    first = start(noted)
    with (noted.root / "begun").open():
        pass  # the notebook is in the middle of its work
    (noted.root / "second").touch()
    second = start(noted)
    assert second.stdout is not None
    for line in second.stdout:
        if "02_data …" in line:  # it waits
            break
    assert [each.run for each in ongoing(noted)], "both are in progress"
    first.send_signal(signal.SIGKILL)
    said = second.communicate()[0]
    assert second.returncode == 0, said
    first.communicate()
    assert executed(noted) == sorted([*EXECUTED, "02_data"])
    assert [run.status for run in records.runs(noted)] == ["good"]
    assert ongoing(noted) == []


def test_runs_of_the_same_second_have_names_of_their_own_in_their_order(project: Project) -> None:
    with named(project, "tiny", BEGAN) as one, named(project, "tiny", BEGAN) as two:
        assert (one, two) == ("20261124-031200", "20261124-031200-2")
        assert [each.run for each in ongoing(project)] == [one, two]
        assert {each.started for each in ongoing(project)} == {BEGAN}
    assert ongoing(project) == []
    (project.runs / "tiny").mkdir(parents=True)
    (project.runs / "tiny" / f"{one}.json").touch()
    with named(project, "tiny", BEGAN) as three:
        assert three == "20261124-031200-2"


def test_a_record_that_is_being_written_is_not_read_and_numbers_count(project: Project) -> None:
    made = records.Run(
        scenario="tiny", title="", description="", simulated=False, run="", profile="standard", status="good",
        started="2026-11-24T03:12:00+00:00", seconds=1, stages={},
    )  # fmt: skip
    for name in ("20261124-031200-10", "20261124-031200-9", "20261124-031200", "20261124-031159"):
        records.save(project, made.model_copy(update={"run": name}))
    (project.runs / "tiny" / ".77.20261125-031200.json").write_text('{"scenario": "ti')
    ordered = ["20261124-031159", "20261124-031200", "20261124-031200-9", "20261124-031200-10"]
    assert [run.run for run in records.runs(project)] == ordered
    newest = records.latest(project, "tiny")
    assert newest is not None
    assert newest.run == "20261124-031200-10"

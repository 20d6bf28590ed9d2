"""Old runs leave with what only they name; what is newest, named, approved or in use stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loopbook.runner.ongoing import named
from loopbook.runner.retention import Rule, plan, retain
from loopbook.store import records, vault
from loopbook.store.project import Project
from loopbook.store.records import ErrorRecord, Run, StageRecord

NOW = datetime.now(UTC)


def output(
    project: Project, name: str, days: float | None, uses: tuple[str, ...] = (), digest: str = "d", size: int = 9
) -> Path:
    """Seal an output, such as ``02_data/k1``, used last some days ago; None: now."""
    work = project.work / name
    work.mkdir(parents=True)
    (work / "value.txt").write_text("x" * size)
    folder = vault.seal(work, project.store / name, {"digests": {"model": digest}, "uses": list(uses)})
    if days is not None:
        moment = (NOW - timedelta(days=days)).timestamp()
        os.utime(folder / vault.MARKER, (moment, moment))
    return folder


def run(project: Project, days: float, *stages: str, status: str = "good", profile: str = "standard") -> Run:
    """Save the record of a run that began some days ago and names outputs, with its page."""
    began = NOW - timedelta(days=days)
    record = Run(
        scenario="tiny", title="Tiny", description="", simulated=False, run=began.strftime(records.STARTED),
        profile=profile, status=status, started=began.isoformat(), seconds=1,
        stages={
            name: StageRecord(
                stage=name.split("/")[0], key=name.split("/")[1], state="done" if status == "good" else "failed",
                error=None if status == "good" else ErrorRecord(kind="E", message="m"),
            )
            for name in stages
        },
    )  # fmt: skip
    records.save(project, record)
    page = project.reports / "tiny" / record.run / "index.html"
    page.parent.mkdir(parents=True)
    page.touch()
    return record


def there(project: Project) -> set[str]:
    return {path.parent.relative_to(project.store).as_posix() for path in project.store.glob("*/*/stage.json")}


def test_old_runs_leave_with_their_pages_and_what_only_they_name(project: Project) -> None:
    output(project, "02_data/old", 40)
    output(project, "02_data/shared", 40)
    output(project, "03_training/old", 40, uses=("fits/old",))
    output(project, "03_training/new", 2, uses=("fits/new",))
    output(project, "fits/old", 40)
    output(project, "fits/new", 40)
    old = run(project, 40, "02_data/old", "02_data/shared", "03_training/old")
    new = run(project, 2, "02_data/shared", "03_training/new")
    dry = retain(project, Rule.older_than(30), dry=True)
    assert {each.run for each in records.runs(project)} == {old.run, new.run}
    done = retain(project, Rule.older_than(30))
    assert [each.run for each in done.runs] == [each.run for each in dry.runs] == [old.run]
    assert {each.relative_to(project.store).as_posix() for each in done.outputs} == {
        "02_data/old", "03_training/old", "fits/old",
    }  # fmt: skip
    assert there(project) == {"02_data/shared", "03_training/new", "fits/new"}
    assert (done.kept_runs, done.named, done.unnamed) == (1, 3, 0)
    assert done.size > 27
    assert [each.name for each in (project.reports / "tiny").iterdir()] == [new.run]
    assert [each.run for each in records.runs(project)] == [new.run]
    assert not list((project.work / "trash").iterdir())
    assert "1 run and 3 outputs that no run names" in done.told("old")


def test_the_newest_run_and_the_newest_good_one_of_each_profile_stay_however_old(project: Project) -> None:
    kept = [
        run(project, 90, status="good"),
        run(project, 80, status="failed"),
        run(project, 95, profile="smoke"),
    ]
    run(project, 100), run(project, 85, status="failed"), run(project, 99, profile="smoke")
    retain(project, Rule.older_than(30))
    assert {each.run for each in records.runs(project)} == {each.run for each in kept}


def test_runs_that_the_log_names_stay_with_what_they_name(project: Project) -> None:
    output(project, "04_optimization/served", 90)
    served = run(project, 90, "04_optimization/served")
    old, new = run(project, 80), run(project, 1)
    done = retain(project, Rule.older_than(30), named={f"tiny/{served.run}", "other/gone"})
    assert [each.run for each in done.runs] == [old.run]
    assert {each.run for each in records.runs(project)} == {served.run, new.run}
    assert there(project) == {"04_optimization/served"}


def test_what_was_left_by_an_interrupted_run_stays_until_it_is_old(project: Project) -> None:
    output(project, "02_data/interrupted", 1)
    output(project, "02_data/forgotten", 31)
    assert there(project) == {"02_data/interrupted", "02_data/forgotten"}
    done = retain(project, Rule.older_than(30))
    assert there(project) == {"02_data/interrupted"}
    assert done.unnamed == 1


def test_a_champion_that_a_snapshot_names_stays_and_state_is_not_touched(project: Project) -> None:
    output(project, "04_optimization/approved", 90, digest="champion-digest", uses=("fits/its",))
    output(project, "fits/its", 90)
    output(project, "04_optimization/other", 90)
    folder = project.state / "snapshots" / "tiny"
    folder.mkdir(parents=True)
    (folder / "0001-0123456789abcdef.json").write_text(json.dumps({"round": 1, "champion": "champion-digest"}))
    before = {path: path.read_bytes() for path in project.state.rglob("*") if path.is_file()}
    retain(project, Rule.older_than(0))
    assert there(project) == {"04_optimization/approved", "fits/its"}
    assert {path: path.read_bytes() for path in project.state.rglob("*") if path.is_file()} == before


def test_what_a_run_in_progress_has_made_or_found_stays(project: Project) -> None:
    found = output(project, "02_data/found", 90)
    output(project, "02_data/unused", 90)
    unfinished = project.work / "03_training" / "half" / "weights"
    unfinished.parent.mkdir(parents=True)
    unfinished.touch()
    with named(project, "tiny", datetime.now(UTC)):
        assert vault.use(found), "as the run finds it fresh"
        output(project, "03_training/sealed", None)  # its record is not saved yet
        done = retain(project, Rule.older_than(0))
        assert there(project) == {"02_data/found", "03_training/sealed"}
        assert len(done.running) == 1
        assert "in progress" in done.told("old")
    assert unfinished.exists()
    retain(project, Rule.older_than(0))
    assert there(project) == set()
    assert not vault.use(found)


def test_a_run_that_was_killed_protects_nothing_any_more(project: Project) -> None:
    code = (
        "from datetime import UTC, datetime; from loopbook.runner.ongoing import named\n"
        "from loopbook.store.project import Project\n"
        "with named(Project.find(), 'tiny', datetime.now(UTC)): print('held', flush=True); input()"
    )
    running = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert running.stdout.readline() == "held\n"
    output(project, "02_data/its", None)
    assert not retain(project, Rule.older_than(0)).outputs
    running.kill()
    running.communicate()
    assert [folder.name for folder in retain(project, Rule.older_than(0)).outputs] == ["its"]


@pytest.mark.parametrize(("room", "kept"), [(0, 0), (15_000, 1), (20_000, 2), (100_000, 3), (None, 3)])
def test_of_the_unnamed_those_used_last_stay_up_to_a_size(project: Project, room: int | None, kept: int) -> None:
    for days in (3, 1, 2):
        output(project, f"02_data/k{days}", days, size=8_000)
    output(project, "02_data/named", 9, size=50_000)
    run(project, 9, "02_data/named")
    done = plan(project, Rule(unnamed_bytes=room))
    assert done.runs == ()
    left = sorted({"k1", "k2", "k3"} - {each.name for each in done.outputs})
    assert left == ["k1", "k2", "k3"][:kept]


def test_a_folder_without_its_marker_leaves_by_its_age(project: Project) -> None:
    torn = project.store / "02_data" / "torn"
    torn.mkdir(parents=True)
    os.utime(torn, (0, 0))
    retain(project, Rule.older_than(30))
    assert not torn.exists()

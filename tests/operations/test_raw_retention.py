"""gc carries out what scenarios say of raw files, and leaves all where it cannot know."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loopbook.cli.commands import app
from loopbook.operations.raw_retention import retire
from loopbook.runner.ongoing import named
from loopbook.store.project import Project


@pytest.fixture
def copied(project: Project) -> Path:
    """Return a copy of a file, 40 days old, that the small project's scenario keeps for 30."""
    scenario = project.scenarios / "tiny.yaml"
    place = "path: data/raw/files/tiny.csv, keep_raw_days: 30"
    scenario.write_text(scenario.read_text().replace("path: numbers.csv", place))
    copy = project.raw / "files" / "tiny.csv"
    copy.parent.mkdir(parents=True)
    copy.write_text("x,y\n1,0\n2,1\n")
    os.utime(copy, (time.time() - 40 * 86_400,) * 2)
    return copy


def test_gc_takes_it_away_says_so_and_a_later_run_says_why_it_is_gone(copied: Path) -> None:
    call = CliRunner().invoke
    assert "would remove tiny.csv" in call(app, ["gc", "--dry-run"]).output and copied.is_file()
    done = call(app, ["gc"])
    assert done.exit_code == 0 and "removed tiny.csv" in done.output and "Runs and outputs stay" in done.output
    assert not copied.exists()
    later = call(app, ["run", "--scenario", "tiny"])
    assert later.exit_code == 2
    assert "gc took tiny.csv away" in " ".join(later.output.split())


def test_none_leaves_while_a_run_is_in_progress(copied: Path, project: Project) -> None:
    with named(project, "tiny", datetime.now(UTC)):
        assert retire(project).told() == ["Raw files stay while runs are in progress (1)."]
    assert copied.is_file()


def test_none_leaves_while_a_scenario_cannot_be_read(copied: Path, project: Project) -> None:
    (project.scenarios / "other.yaml").write_text("name: other\n")
    (said,) = retire(project).told()
    assert said.startswith("Raw files stay, because other cannot be read")
    assert copied.is_file()

"""What a run has written is readable by its owner only; reports by whom the setting names."""

import os
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loopbook.cli.commands import app
from loopbook.store.stage import Stage


def open_to_others(folder: Path) -> list[str]:
    """Return what others may read; what tests themselves put into ``cache`` is no run's."""
    return [
        f"{stat.filemode(path.stat().st_mode)} {path.relative_to(folder)}"
        for path in folder.rglob("*")
        if path.stat().st_mode & 0o077 and path.relative_to(folder).parts[0] != "cache"
    ]


def test_no_file_of_a_run_of_an_agent_is_readable_by_others(smoke_run):
    where = smoke_run("clinic-triage")[0].folder
    written = [path.name for path in (where / "data").rglob("*")]
    assert {"stage.json", "notebook.ipynb", "index.html"} <= {
        *written,
        *(path.name for path in (where / "reports").iterdir()),
    }
    assert open_to_others(where / "data") == []
    assert open_to_others(where / "reports") == []


@pytest.fixture
def usual() -> None:
    """Let others read what this process writes, as on most machines."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_reports_are_readable_by_whom_the_setting_names_and_data_by_nobody_else(project, usual, monkeypatch):
    for readers, folders, files in (("owner", 0o700, 0o600), ("group", 0o750, 0o640), ("all", 0o755, 0o644)):
        monkeypatch.setenv("LOOPBOOK_REPORTS_READERS", readers)
        assert CliRunner().invoke(app, ["run", "--scenario", "tiny"]).exit_code == 0
        modes = {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in project.reports.rglob("*")}
        assert modes == {(True, folders), (False, files)}
        assert open_to_others(project.data) == []
        assert os.umask(0o022) == 0o022


def test_a_misspelt_setting_is_told_before_anything_is_done(project, monkeypatch):
    monkeypatch.setenv("LOOPBOOK_REPORTS_READERS", "al")
    done = CliRunner().invoke(app, ["run", "--scenario", "tiny"])
    assert done.exit_code == 2
    assert "Did you mean 'all'?" in done.output
    assert not project.store.exists()


def test_what_a_notebook_opened_by_hand_writes_is_its_owners(project, usual):
    stage = Stage.open("02_data", {"scenario": "tiny", "profile": "standard"})
    stage.write("train", {"x": 1})
    assert open_to_others(project.drafts) == []

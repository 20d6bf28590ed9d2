"""A run that was killed within a file operation, or had no room, goes on as if nothing had been."""

from __future__ import annotations

import errno
import os
import random
import signal
import sys
from pathlib import Path

import pytest
from tests.benchmarks import crash

from loopbook.store import content, room
from loopbook.store.project import Project

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found by /proc")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project of four notebooks."""
    return crash.four_notebooks(tmp_path_factory.mktemp("crash").resolve() / "project")


@pytest.fixture(scope="module")
def wanted(original: Project) -> dict[str, object]:
    """Return what an undisturbed run leaves."""
    return crash.undisturbed(original)[0]


@pytest.mark.parametrize(
    ("at", "how"),
    [
        ("write state.npz", "stop"),  # an epoch of training
        ("rename-before data/work/03_training", "kill"),  # the step into the store
        ("write store/runs", "kill"),  # the record of the run
        ("rename-after store/runs", "stop"),  # the record is there, the report is not
    ],
)
def test_a_kill_within_a_file_operation_loses_nothing(
    original: Project, wanted: dict[str, object], at: str, how: str
) -> None:
    found = crash.point(original, at, how, wanted)
    assert found is not None, "the operation did not happen"
    assert found[1] == []


def test_a_run_whose_first_own_process_is_killed_goes_on(original: Project) -> None:
    with crash.fresh(original) as project:
        run = crash.start(project)
        victim, what = crash.another(project, run, random.Random(1))
        assert victim not in (0, run.pid), "in its first second a run has no other process"
        os.kill(victim, signal.SIGKILL)
        code, said = run.wait(crash.PATIENCE), (project.root / "said").read_text()
        assert code == 0 or (code == 1 and "SIGKILL" in said), f"{code} after the kill of {what}: {said}"
        assert crash.until(lambda: not crash.processes(project), crash.WITHIN), crash.processes(project)


def test_a_full_disk_is_said_to_be_and_the_next_run_goes_on(original: Project) -> None:
    reason = crash.why_no_disk()
    if reason is not None:
        pytest.skip(reason)
    table = crash.Table()
    crash.disk(original, table, (100,))
    assert table.tried.total() == 1
    assert table.wrong == []


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (OSError("Unable to write (errno = 28, error message = 'No space left on device')"), True),
        (OSError(errno.EACCES, "Permission denied"), False),
        ("sqlite3.OperationalError: database or disk is full", True),
    ],
)
def test_a_full_disk_is_recognised_by_number_or_words(error: OSError | str, full: bool) -> None:
    assert room.is_full(error) == full


def test_what_is_written_names_the_disk_and_the_remedy(tmp_path: Path) -> None:
    def write(file: Path) -> None:
        file.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device", str(file))

    target = tmp_path / "new" / "value.json"
    with pytest.raises(room.DiskFull, match=rf"{tmp_path}/new is full: .* are free\. .*make clean.*LOOPBOOK_DATA="):
        content.write_atomically(target, write)
    assert list(target.parent.iterdir()) == []

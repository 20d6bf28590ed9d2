"""A run that was killed within a file operation, or had no room, goes on as if nothing had been."""

from __future__ import annotations

import errno
import random
import sys
from pathlib import Path

import pytest
from tests.benchmarks import crash

from loopbook.store import content, disk_space
from loopbook.store.project import Project

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found by /proc")


KILLS = (
    ("write state.npz", "stop"),  # an epoch of training
    ("rename-before data/work/03_training", "kill"),  # the step into the store
    ("write store/runs", "kill"),  # the record of the run
    ("rename-after store/runs", "stop"),  # the record is there, the report is not
)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project of two notebooks: the benchmark's that writes a table, and the one that fits in epochs."""
    made = crash.four_notebooks(tmp_path_factory.mktemp("crash").resolve() / "project")
    for stage in ("04_optimization", "05_decisions"):
        (made.notebooks / f"{stage}.ipynb").unlink()
    scenario = made.scenarios / "tiny.yaml"
    scenario.write_text(scenario.read_text().replace("    two: {architecture: majority}\n", ""))
    return made


@pytest.fixture(scope="module")
def wanted(original: Project) -> dict[str, object]:
    """Return what an undisturbed run leaves."""
    return crash.undisturbed(original)[0]


def test_kills_within_file_operations_one_after_the_other_lose_nothing(
    original: Project, wanted: dict[str, object]
) -> None:
    with crash.fresh(original) as project:
        for at, how in KILLS:
            found = crash.killed(project, at, how)
            assert found is not None, f"{at} did not happen"
            assert found[1] == [], at
        assert crash.unlike(project, wanted, crash.start(project).wait(crash.PATIENCE)) == []


def test_another_process_of_a_run_is_not_the_run_even_in_its_first_second(original: Project) -> None:
    with crash.fresh(original) as project:
        run = crash.start(project)
        assert crash.another(project, run, random.Random(1))[0] not in (0, run.pid)


def test_a_full_disk_is_said_to_be_and_the_next_run_goes_on(original: Project, wanted: dict[str, object]) -> None:
    reason = crash.why_no_disk()
    if reason is not None:
        pytest.skip(reason)
    table = crash.Table()
    crash.disk(original, table, (100,), wanted)
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
    assert disk_space.is_full(error) == full


def test_what_is_written_names_the_disk_and_the_remedy(tmp_path: Path) -> None:
    def write(file: Path) -> None:
        file.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device", str(file))

    target = tmp_path / "new" / "value.json"
    with pytest.raises(
        disk_space.DiskFull, match=rf"{tmp_path}/new is full: .* are free\. .*make clean.*LOOPBOOK_DATA="
    ):
        content.write_atomically(target, write)
    assert list(target.parent.iterdir()) == []

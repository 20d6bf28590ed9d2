"""Runs in progress: a run holds its name from its start until its record is saved.

The name is held by a lock on a file, which the system takes away from a process that ends, however it ends.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from filelock import FileLock

from loopbook.store import locks
from loopbook.store.project import Project
from loopbook.store.records import STARTED


@dataclass(frozen=True)
class Ongoing:
    """A run in progress: its scenario, its name, and when it began (UTC, to the second below)."""

    scenario: str
    run: str
    started: datetime


@contextmanager
def named(project: Project, scenario: str, began: datetime, kept: Path | None = None) -> Iterator[str]:
    """Hold a name that no other run has or takes: the starting time in UTC, with a number if it is taken.

    `kept` is the folder of the records that must not have the name; None: that of the scenario's runs.
    """
    stem = began.astimezone(UTC).strftime(STARTED)
    for number in count(1):
        name = stem if number == 1 else f"{stem}-{number}"
        lock = locks.seized(_folder(project) / scenario / f"{name}.lock")
        if lock is not None and not ((kept or project.runs / scenario) / f"{name}.json").exists():
            break
        _let_go(lock)
    try:
        yield name
    finally:
        _let_go(lock)


def ongoing(project: Project) -> list[Ongoing]:
    """Return the runs in progress on this project's data, the oldest first; what killed ones left is taken away."""
    found = []
    for path in _folder(project).glob("*/*.lock"):
        lock = locks.seized(path)
        if lock is None:
            started = datetime.strptime(path.stem[:15], STARTED).replace(tzinfo=UTC)
            found.append(Ongoing(path.parent.name, path.stem, started))
        _let_go(lock)
    return sorted(found, key=lambda run: run.started)


def _folder(project: Project) -> Path:
    return project.work / "runs"


def _let_go(lock: FileLock | None) -> None:
    """Remove a lock's file while it is held: whoever opened it in the meantime sees that it is gone, and tries anew."""
    if lock is not None:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()

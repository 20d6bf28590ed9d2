"""Runs in progress: a run holds its name from its start until its record is saved.

The name is held by a lock on a file, which the system takes away from a process that ends, however it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from loopbook.store.project import Project
from loopbook.store.records import STARTED


@dataclass(frozen=True)
class Ongoing:
    """A run in progress: its scenario, its name, and when it began (UTC, to the second below)."""

    scenario: str
    run: str
    started: datetime


@contextmanager
def named(project: Project, scenario: str, began: datetime) -> Iterator[str]:
    """Hold a name that no other run has or takes: the starting time in UTC, with a number if it is taken."""
    from filelock import FileLock, Timeout

    folder = _folder(project) / scenario
    folder.mkdir(parents=True, exist_ok=True)
    stem = began.astimezone(UTC).strftime(STARTED)
    for number in count(1):
        name = stem if number == 1 else f"{stem}-{number}"
        lock = FileLock(folder / f"{name}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        if not (project.runs / scenario / f"{name}.json").exists():
            break
        _let_go(lock)
    try:
        yield name
    finally:
        _let_go(lock)


def ongoing(project: Project) -> list[Ongoing]:
    """Return the runs in progress on this project's data, the oldest first; what killed ones left is taken away."""
    from filelock import FileLock, Timeout

    found = []
    for path in _folder(project).glob("*/*.lock"):
        lock = FileLock(path)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            started = datetime.strptime(path.stem[:15], STARTED).replace(tzinfo=UTC)
            found.append(Ongoing(path.parent.name, path.stem, started))
        else:
            _let_go(lock)
    return sorted(found, key=lambda each: each.started)


def _folder(project: Project) -> Path:
    return project.work / "runs"


def _let_go(lock: object) -> None:
    """Remove a lock's file while it is held: whoever opened it in the meantime sees that it is gone, and tries anew."""
    from filelock import FileLock

    assert isinstance(lock, FileLock)
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()

"""Whole or not at all: work is done in one folder and moved into the store in one step.

A folder in the store with a marker is whole, whatever was killed and when. Whoever comes first wins.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from loopbook.store import content, locks

MARKER = "stage.json"
"""The file that is written last; it holds what the store knows of the folder."""

_RECORDS = ("runs", "failures")  # what the store holds besides sealed folders

SEAL = "seal"
"""Under this name the marker holds the hashes of all that was sealed, its own facts included."""


def is_whole(folder: Path) -> bool:
    """Say whether a folder in the store is complete."""
    return (folder / MARKER).is_file()


def folders(store: Path) -> list[Path]:
    """Return the folders of a store: results of stages, and fits."""
    return [path for path in sorted(store.glob("*/*")) if path.is_dir() and path.parent.name not in _RECORDS]


def use(folder: Path) -> bool:
    """Say whether a folder in the store is complete and, if so, note that it is used now.

    Retention takes away nothing that was used since the oldest run in progress began, so what a run has found complete
    stays until its record names it.
    """
    if not is_whole(folder):
        return False
    with guarded(folder.parents[1]), suppress(FileNotFoundError):
        os.utime(folder / MARKER)
    return is_whole(folder)


def guarded(store: Path) -> FileLock:
    """Return the lock that keeps apart who notes the use of a folder and who takes unused ones away."""
    return FileLock(store / ".lock")


def manifest(folder: Path) -> dict[str, Any]:
    """Return the facts in the marker of a complete folder."""
    return {name: value for name, value in _marker(folder).items() if name != SEAL}


def damage(folder: Path) -> list[str]:
    """Return what is not any more as it was sealed in a complete folder: changed, missing and added files, the marker.

    Raises
    ------
    ValueError
        If the marker cannot be read.
    """
    marked, now = _marker(folder), _hashes(folder)
    sealed = marked.pop(SEAL)
    found = [f"{MARKER} was changed"] if content.digest_json(marked) != sealed["facts"] else []
    found += [f"{name} is missing" for name in sealed["files"] if name not in now]
    found += [f"{name} was added" for name in now if name not in sealed["files"]]
    return found + [f"{name} was changed" for name in now if sealed["files"].get(name, now[name]) != now[name]]


def _marker(folder: Path) -> dict[str, Any]:
    return dict(content.read_json(folder / MARKER))


def _hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of the bytes of all files but the marker, by their place in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MARKER)
    return {path.relative_to(folder).as_posix(): content.digest_file(path) for path in files}


def seal(work: Path, target: Path, facts: dict[str, Any]) -> Path:
    """Mark a finished work folder and move it into the store.

    Parameters
    ----------
    work
        The finished folder, on the same file system as `target`.
    target
        Where it belongs. If a whole folder is there already, that one stays and `work` is thrown away.
    facts
        What the marker holds, as plain values.

    Returns
    -------
    Path
        `target`.
    """
    if is_whole(target):
        content.remove(work)
        return target
    (work / MARKER).unlink(missing_ok=True)
    content.write_json(work / MARKER, {**facts, SEAL: {"facts": content.digest_json(facts), "files": _hashes(work)}})
    for file in filter(Path.is_file, work.rglob("*")):
        _flush(file)
    target.parent.mkdir(parents=True, exist_ok=True)
    content.remove(target)
    try:
        work.rename(target)
    except OSError:
        if not is_whole(target):
            raise
        content.remove(work)
    _flush(target.parent)
    return target


@contextmanager
def claimed(work: Path, waiting: Callable[[], object] = lambda: None) -> Iterator[Path]:
    """Hold a work folder for one process; another one that wants it calls `waiting`, and waits until it is free."""
    with locks.held(work.with_name(f"{work.name}.lock"), waiting):
        try:
            work.mkdir(parents=True, exist_ok=True)
            # What a kill left within a write, or between the marker and the move into the store, is no result.
            content.remove_unfinished(work)
            (work / MARKER).unlink(missing_ok=True)
            yield work
        finally:
            with suppress(OSError):  # not empty, or sealed: then it stays, or is not there
                work.rmdir()


def written_by(work: Path) -> FileLock:
    """Return the lock that a kernel holds while it works in a folder that its runner has claimed.

    A kernel outlives a runner that was killed by a second or so. Until it has ended nobody else works there.
    """
    return FileLock(work.with_name(f"{work.name}.kernel.lock"))


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

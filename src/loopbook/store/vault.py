"""Whole or not at all: work is done in one folder and moved into the store in one step.

A folder in the store with a marker is whole, whatever was killed and when. Whoever comes first wins. What is read is
hashed once a process; what is not any more as it was sealed is set aside, to be made again, or refused.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from loopbook.scenario.errors import LoopbookError
from loopbook.store import content, locks

MARKER = "stage.json"
"""The file that is written last; it holds what the store knows of the folder."""

_RECORDS = ("runs", "failures")  # what the store holds besides sealed folders

SEAL = "seal"
"""Under this name the marker holds the hashes of all that was sealed, its own facts included."""


_sound: set[tuple[Path, int]] = set()
"""What this process has found as it was sealed, each with its inode."""


UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading a marker raises whose bytes were changed."""


class Damaged(LoopbookError):
    """A sealed result is not any more what was sealed, and is not used."""


def is_whole(folder: Path) -> bool:
    """Say whether a folder in the store is complete."""
    return (folder / MARKER).is_file()


def folders(store: Path) -> list[Path]:
    """Return the folders of a store: results of stages, and fits."""
    return [path for path in sorted(store.glob("*/*")) if path.is_dir() and path.parent.name not in _RECORDS]


def use(folder: Path) -> bool:
    """Say whether a folder in the store is complete and, if so, note that it is used now.

    One that is not as it was sealed is named, set aside in ``data/damaged``, and so is made again.
    Retention takes away nothing that was used since the oldest run in progress began, so what a run has found complete
    stays until its record names it.
    """
    if not is_whole(folder):
        return False
    with guarded(folder.parents[1]), suppress(FileNotFoundError):
        if wrong := [] if _is_sound(folder) else _wrong(folder):
            _set_aside(folder, wrong)
            return False
        os.utime(folder / MARKER)
    return is_whole(folder)


def checked(path: Path) -> Path:
    """Return the path of an artifact that is as it was sealed; a draft has no seal.

    Raises
    ------
    Damaged
        If it was changed since.
    """
    folder = path.parent
    if not is_whole(folder) or _is_sound(folder) or _is_sound(path):
        return path
    if wrong := _wrong(folder, path.name):
        raise Damaged(
            f"{folder.parent.name}/{folder.name} in the store is damaged and is not used: {', '.join(wrong[:3])}. "
            "Type make: it is set aside and made again from its sources."
        )
    _sound.add((path, path.stat().st_ino))
    return path


def kept(path: Path | None) -> Path | None:
    """Return the path of what a page shows of the store; None where it is not there or, which is said, is damaged."""
    try:
        return checked(path) if path is not None and path.exists() else None
    except Damaged as error:
        sys.stderr.write(f"{error} Pages leave it out.\n")
        return None


def _is_sound(path: Path) -> bool:
    return (path, path.stat().st_ino) in _sound if path.exists() else False


def _wrong(folder: Path, within: str = "") -> list[str]:
    """Return what is damaged in a folder, or in one artifact of it; where nothing is, it is noted."""
    try:
        wrong = damage(folder, within)
    except UNREADABLE as error:
        return [f"{MARKER} cannot be read ({type(error).__name__})"]
    if not wrong and not within:
        _sound.add((folder, folder.stat().st_ino))
    return wrong


def _set_aside(folder: Path, wrong: list[str]) -> None:
    """Move a damaged folder out of the store, and say so."""
    aside = folder.parents[2] / "damaged" / folder.parent.name
    aside.mkdir(parents=True, exist_ok=True)
    target = next(path for number in range(10**6) if not (path := aside / f"{folder.name}-{number}").exists())
    folder.rename(target)
    sys.stderr.write(
        f"Damaged in the store and not used: {folder.parent.name}/{folder.name} ({', '.join(wrong[:3])}). It is set "
        f"aside in {target}, and made again from its sources.\n"
    )


def guarded(store: Path) -> FileLock:
    """Return the lock that keeps apart who notes the use of a folder and who takes unused ones away."""
    return FileLock(store / ".lock")


def manifest(folder: Path) -> dict[str, Any]:
    """Return the facts in the marker of a complete folder.

    Raises
    ------
    Damaged
        If they are not those that were sealed.
    """
    try:
        marked = marker(folder)
        sealed = marked.pop(SEAL)["facts"]
    except UNREADABLE as error:
        sealed, marked = f"unreadable: {type(error).__name__}", {}
    if content.digest_json(marked) != sealed:
        raise Damaged(f"{folder.parent.name}/{folder.name}/{MARKER} is damaged and is not used. Type make.")
    return marked


def damage(folder: Path, within: str = "") -> list[str]:
    """Return what is not any more as it was sealed in a complete folder: changed, missing and added files, the marker.

    `within` names one file or folder in it that is looked at; empty: all.

    Raises
    ------
    ValueError
        If the marker cannot be read.
    """
    marked, now = marker(folder), _hashes(folder, within)
    sealed = marked.pop(SEAL)
    files = {name: digest for name, digest in sealed["files"].items() if not within or name.split("/")[0] == within}
    found = [f"{MARKER} was changed"] if content.digest_json(marked) != sealed["facts"] else []
    found += [f"{name} is missing" for name in files if name not in now]
    found += [f"{name} was added" for name in now if name not in files]
    return found + [f"{name} was changed" for name in now if files.get(name, now[name]) != now[name]]


def marker(folder: Path) -> dict[str, Any]:
    """Return what the marker of a complete folder says, whether or not it is what was sealed."""
    return dict(content.read_json(folder / MARKER))


def _hashes(folder: Path, within: str = "") -> dict[str, str]:
    """Return the SHA-256 of all files' bytes but the marker's, or of those `within`, by their place in the folder."""
    every = [folder / within, *(folder / within).rglob("*")] if within else folder.rglob("*")
    files = sorted(path for path in every if path.is_file() and path != folder / MARKER)
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

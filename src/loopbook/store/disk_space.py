"""A full disk: recognise it by whatever a library says, and say which one it is and what to do."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loopbook.scenario.errors import LoopbookError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_WORDS = (*map(os.strerror, _FULL), "database or disk is full")


class DiskFull(LoopbookError):
    """A disk has no room left; what was finished before is whole."""


def is_full(error: BaseException | str) -> bool:
    """Say whether an error, or what was printed of one, means that a disk is full.

    Libraries written in C (HDF5, SQLite) lose the error's number and keep its words.
    """
    known = isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in _FULL)
    return known or any(words in str(error) for words in _WORDS)


@contextmanager
def told(place: Path) -> Iterator[None]:
    """Raise `DiskFull` with its remedy in the place of what a library raises when the disk of `place` is full."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise DiskFull(remedy(place)) from error


def fullest(*places: Path) -> Path:
    """Return the place on the disk with least room, in megabytes; the first of those on one disk."""
    return min(places, key=lambda place: shutil.disk_usage(_there(place)).free // 2**20)


def _there(place: Path) -> Path:
    return next(folder for folder in (place.absolute(), *place.absolute().parents) if folder.exists())


def remedy(place: Path) -> str:
    """Say which disk is full, and what to do.

    Parameters
    ----------
    place
        A file or folder on that disk; it need not exist.
    """
    from rich.filesize import decimal

    there = _there(place)
    mount = next(folder for folder in (there, *there.parents) if folder.is_mount())
    usage = shutil.disk_usage(there)
    return (
        f"The disk that holds {there} is full: of {decimal(usage.total)} at {mount}, {decimal(usage.free)} are free. "
        "Make room there (make clean removes unfinished work and drafts, python -m loopbook gc --days 30 old runs), "
        "or take another disk: LOOPBOOK_DATA=/folder/there for data, LOOPBOOK_REPORTS for reports. "
        "What was finished is whole, and the next make goes on from there."
    )

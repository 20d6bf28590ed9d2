"""File modes: what is written is readable by its owner only, reports by whom ``LOOPBOOK_REPORTS_READERS`` names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loopbook.scenario.errors import LoopbookError, suggest

UMASK = 0o077
READERS = "LOOPBOOK_REPORTS_READERS"
_BITS = {"owner": 0, "group": 0o050, "all": 0o055}


@contextmanager
def owner_only() -> Iterator[None]:
    """Let this process, and those that it starts within, write files that their owner alone can read."""
    before = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(before)


def readers() -> int:
    """Return the bits that the mode of a folder of reports has for others than its owner.

    Raises
    ------
    LoopbookError
        If the setting is none of owner, group, all.
    """
    named = os.environ.get(READERS) or "owner"
    if named not in _BITS:
        raise LoopbookError(f"{READERS} is {named!r}; not who may read.{suggest(named, _BITS)}")
    return _BITS[named]


def let_read(folder: Path, bits: int) -> None:
    """Give others a folder of reports and all in it to read, as `readers` says."""
    for path in [folder, *folder.rglob("*")] if folder.is_dir() else []:
        path.chmod(path.stat().st_mode & 0o777 | (bits if path.is_dir() else bits & 0o044))

"""Whole or not at all: work is done in one folder and moved into the store in one step.

A folder in the store with a marker is whole, whatever was killed and when. Whoever comes first wins.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from loopbook.store import content

MARKER = "stage.json"
"""The file that is written last; it holds what the store knows of the folder."""


def is_whole(folder: Path) -> bool:
    """Say whether a folder in the store is complete."""
    return (folder / MARKER).is_file()


def manifest(folder: Path) -> dict[str, Any]:
    """Return what the marker of a complete folder holds."""
    return dict(json.loads((folder / MARKER).read_text(encoding="utf-8")))


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
    text = json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False)
    content.write_atomically(work / MARKER, lambda file: file.write_text(text, "utf-8", errors="surrogatepass"))
    for file in work.rglob("*"):
        if file.is_file():
            _flush(file)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
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
def claimed(work: Path) -> Iterator[Path]:
    """Hold a work folder for one process; another one that wants it waits until it is free."""
    from filelock import FileLock

    work.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(work.with_name(f"{work.name}.lock")):
        work.mkdir(parents=True, exist_ok=True)
        yield work


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

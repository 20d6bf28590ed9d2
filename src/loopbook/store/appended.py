"""Appended events: what people say beside sealed runs, as JSON lines in a file to which lines are only added."""

import json
import os
from collections.abc import Mapping
from pathlib import Path


def append(file: Path, event: Mapping[str, str]) -> None:
    """Append an event; several processes may do so at once."""
    from filelock import FileLock

    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock"), file.open("ab+") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - 1))
        torn = log.read() not in (b"", b"\n")  # a line that was cut off must not swallow this one
        log.write(("\n" * torn + json.dumps(event, ensure_ascii=True) + "\n").encode("ascii"))


def events(file: Path) -> list[tuple[int, dict[str, str] | None]]:
    """Return the lines of a file, each with its number from 1; None for one that is no event, such as half a line."""
    lines = file.read_bytes().split(b"\n") if file.exists() else []
    return [(number, _event(line)) for number, line in enumerate(lines, 1) if line.strip()]


def _event(text: bytes) -> dict[str, str] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):  # half a character is a ValueError too
        return None
    plain = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    return found if plain else None

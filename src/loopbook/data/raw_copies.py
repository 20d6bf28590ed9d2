"""Retention of raw files: which files in ``data/raw`` are copies that we made, how long they stay, and why one is gone.

A file that somebody put somewhere is theirs: it is read where it lies and never taken away.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from loopbook.data import catalog, download
from loopbook.data.web import saved
from loopbook.scenario.source import (
    CatalogSource,
    CrawlSource,
    FeedSource,
    FileSource,
    HttpSource,
    Read,
    ShopSource,
    SimulationSource,
    Source,
    SqlSource,
)

FILES = "files"
"""Folder in ``data/raw`` with the copies of files from which agents were begun."""


@dataclass(frozen=True)
class Expired:
    """A copy whose time is over: where it is, since when, and how many days it was to stay."""

    path: Path
    since: datetime
    days: float


def http(source: HttpSource, raw: Path) -> Path:
    """Return where what an address gives is kept."""
    return raw / "http" / f"{hashlib.sha256(source.url.encode()).hexdigest()[:16]}.{source.format}"


def of(source: Source, root: Path, raw: Path) -> list[Path]:
    """Return where our copies of a source lie, whether they are there or not; none of what is read in place."""
    tables = source.tables.values() if isinstance(source, Read) else ()
    return [*_of_rows(source, root, raw), *(path for table in tables for path in of(table, root, raw))]


def _of_rows(source: Source, root: Path, raw: Path) -> list[Path]:
    match source:
        case HttpSource():
            return [http(source, raw)]
        case CatalogSource():
            return [path for file in catalog.find(source.dataset).files for path in catalog.places(file, raw)]
        case FeedSource() | CrawlSource():
            return saved.places(source, raw)
        case FileSource() if (root / source.path).resolve().is_relative_to((raw / FILES).resolve()):
            return [(root / source.path).resolve()]
    return []


def lifetime(source: Source, root: Path, raw: Path) -> str:
    """Say in words what becomes of the raw file of a source."""
    if isinstance(source, SimulationSource | ShopSource):
        return "none: the rows are simulated"
    if isinstance(source, SqlSource):
        return "none: the rows are read from the database"
    if isinstance(source, FeedSource | CrawlSource):
        days = source.keep_raw_days
        until = f"gc takes it away {days:g} days after the last fetch" if days else "it stays until somebody removes it"
        return f"what loopbook fetch saved in data/raw; a run asks nobody on the web; {until} (source.keep_raw_days)"
    if not _of_rows(source, root, raw):
        return "read where it lies, and never taken away"
    if source.keep_raw_days is None:
        return "a copy in data/raw, until somebody removes it (source.keep_raw_days)"
    return f"a copy in data/raw, which gc takes away {source.keep_raw_days:g} days after it came (source.keep_raw_days)"


def expired(sources: Iterable[Source], root: Path, raw: Path, now: datetime) -> list[Expired]:
    """Return the copies whose time is over for every one of the sources that they belong to."""
    longest: dict[Path, float | None] = {}
    for source in sources:
        for path in of(source, root, raw):
            own = getattr(source, "keep_raw_days", None)
            before = longest.get(path, 0.0)
            longest[path] = None if own is None or before is None else max(own, before)
    found = []
    for path, days in sorted(longest.items()):
        if days is not None and path.is_file() and not path.is_symlink():
            since = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            found += [Expired(path, since, days)] if now - since > timedelta(days=days) else []
    return found


def remove(copy: Expired, now: datetime) -> None:
    """Take a copy away, and leave a note that says when and why."""
    said = {"removed": now.isoformat(timespec="seconds"), "since": copy.since.isoformat(), "days": copy.days}
    with os.fdopen(download.private(_note(copy.path)), "w", encoding="utf-8") as file:
        json.dump(said | {"sha256": download.sha256(copy.path)}, file)
    copy.path.unlink()
    for rest in copy.path.parent.glob(f"{copy.path.name}-*"):  # of a database whose writer was killed
        rest.unlink()


def gone(path: Path) -> str:
    """Return why a copy is not there any more, as a sentence; empty if we have not taken it away."""
    if path.is_file() or not _note(path).is_file():
        return ""
    said = json.loads(_note(path).read_text(encoding="utf-8"))
    return (
        f"gc took {path.name} away on {said['removed'][:10]}, {said['days']:g} days after it came, "
        "as source.keep_raw_days says."
    )


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.gone.json")

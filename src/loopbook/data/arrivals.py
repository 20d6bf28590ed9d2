"""Arrivals: rows that have come in since a cursor, in a folder, a database, a feed or a web site."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from loopbook.data import databases, series, sources
from loopbook.data.download import Progress, silent
from loopbook.data.sources import Collected
from loopbook.data.web import fetching
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import CrawlSource, FeedSource, Read, SqlSource
from loopbook.statistics.coin import coin

KINDS = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet"}
"""Files that are taken from a folder, by how their names end."""
SETTLED = 1.0
"""Seconds for which a file must not have changed: somebody may be writing it."""

Cursor = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Arrival:
    """What came in at once.

    Attributes
    ----------
    where
        What a message calls it: a file's name, a table, a kind of source.
    collected
        Its rows, some of which may have come before; None: it cannot be read.
    cursor
        Plain JSON from which the next look begins, once these rows are dealt with.
    trouble
        Why it cannot be read.
    """

    where: str
    collected: Collected | None
    cursor: Cursor
    trouble: str = ""


def check(scenario: Scenario, root: Path) -> None:
    """Refuse a scenario that has nothing to watch.

    Raises
    ------
    DataError
        If it names no folder, and its source is read as a whole; or the folder is not there.
    """
    folder, kind = scenario.watch.folder, scenario.source.kind
    if folder is None and getattr(scenario.source, "series", None) is not None:
        raise DataError("Readings of a series are watched in a folder: name it in watch.folder, and lay files in it.")
    if folder is None and not isinstance(scenario.source, SqlSource | FeedSource | CrawlSource):
        raise DataError(
            f"The source of {scenario.name} is of kind {kind}, which is read as a whole. Name a folder in which new "
            'files are laid: watch.folder, such as PARAMS="watch.folder=data/incoming".'
        )
    if folder is not None and not (root / folder).is_dir():
        raise DataError(
            f"watch.folder: there is no folder {folder}. Make it, and lay csv, jsonl or parquet files in it."
        )


def since(
    cursor: Cursor,
    scenario: Scenario,
    root: Path,
    raw: Path,
    progress: Progress = silent,
    per_step: int | None = None,
) -> Iterator[Arrival]:
    """Yield what has come in since a cursor, the earliest first; a cursor may name rows that come again.

    Parameters
    ----------
    cursor
        That of the arrival that was dealt with last; empty at first.
    scenario
        Its section ``watch`` says where to look.
    root, raw
        The project's folder, and ``data/raw``.
    per_step
        Of a series: how the windows were cut that the agent has learned from; see `series.windows`.

    Raises
    ------
    DataError
        If a database does not answer, or nothing of a web source could be had. The cursor stays good.
    """
    source = scenario.source
    if scenario.watch.folder is not None:
        try:
            came = _files(cursor, scenario, root, raw)
            yield from came if per_step is None else _windows(cursor, list(came), scenario, root, raw, per_step)
        except OSError as error:
            raise DataError(f"watch.folder: {error.filename or scenario.watch.folder}: {error.strerror}.") from error
    elif isinstance(source, SqlSource):
        yield from _queried(cursor, source, scenario.watch.column, root, raw)
    elif isinstance(source, FeedSource | CrawlSource):
        fetching.fetch(source, raw, progress)
        found = sources.collect(source, root, raw)
        new = found.frame["fetched"] >= str(cursor.get("fetched", ""))
        rows = Collected(
            found.frame[new].reset_index(drop=True), found.lines[new.to_numpy()], found.broken, found.origin
        )
        if len(rows.frame):
            yield Arrival(source.kind, rows, {"fetched": str(rows.frame["fetched"].max())})


def _files(cursor: Cursor, scenario: Scenario, root: Path, raw: Path) -> Iterator[Arrival]:
    """Yield the files of the folder that are new or have changed."""
    folder, states = root / str(scenario.watch.folder), {}
    for path in folder.iterdir():
        if path.suffix.lower() in KINDS and not path.name.startswith("."):
            with suppress(FileNotFoundError):  # gone since it was listed
                found = path.stat()
                states[path] = (found.st_mtime_ns, found.st_size)
    known = {name: tuple(state) for name, state in cursor.get("files", {}).items()}
    done = {path.name: states[path] for path in states if known.get(path.name) == states[path]}
    for path in sorted(states, key=lambda path: (states[path], path.name)):
        if path.name in done or time.time() - states[path][0] / 1e9 < SETTLED:
            continue
        done = {**done, path.name: states[path]}
        after = {"files": {name: list(state) for name, state in done.items()}}
        try:
            came = sources.of_file(path, KINDS[path.suffix.lower()], scenario.source)
            yield Arrival(path.name, replace(came, tables=sources.tables(scenario.source, root, raw)), after)
        except DataError as error:
            yield Arrival(path.name, None, after, str(error))


def _windows(
    cursor: Cursor, came: list[Arrival], scenario: Scenario, root: Path, raw: Path, per_step: int
) -> Iterator[Arrival]:
    """Yield the windows that have ended since the cursor, where a file came: of the readings in all of the files."""
    if not came:
        return
    yield from (replace(arrival, cursor=cursor) for arrival in came if arrival.collected is None)
    every = [arrival.collected for arrival in _files({}, scenario, root, raw) if arrival.collected is not None]
    last, known = str(cursor.get("window", "")), {*cursor.get("broken", ())}
    frame = pd.concat([one.frame for one in every], ignore_index=True) if every else pd.DataFrame()
    lines = np.concatenate([one.lines for one in every]) if every else np.zeros(0, dtype=np.int64)
    where, source = str(scenario.watch.folder), scenario.source
    try:
        made = series.windows(frame, lines, cast(Read, source), per_step, known=False)
    except DataError as error:
        yield Arrival(where, None, {**cursor, **came[-1].cursor}, str(error))
        return
    new = (made.frame[str(source.time)] > last).to_numpy()
    unread = pd.concat([one.broken for one in every])
    broken = pd.concat([unread, pd.DataFrame(made.broken, columns=unread.columns)], ignore_index=True)
    marks = pd.Series([coin(str(text)) for text in broken["text"]], dtype="float64")
    fresh = broken[~marks.isin(known)].reset_index(drop=True)
    rows = Collected(made.frame[new].reset_index(drop=True), made.lines[new], fresh, {"rows": int(new.sum())})
    after = {**came[-1].cursor, "window": made.frame[str(source.time)].max(), "broken": sorted({*marks})}
    yield Arrival(where, rows, after)


def _queried(cursor: Cursor, source: SqlSource, column: str | None, root: Path, raw: Path) -> Iterator[Arrival]:
    """Yield the rows of a table or query from the cursor's value on."""
    names, rows = databases.read(source, root, None if column is None else (column, _typed(cursor.get("after"))))
    if not rows:
        return
    frame = pd.DataFrame({name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)})
    last = None if column is None else _plain(rows[-1][names.index(column)])
    found = replace(sources.numbered(frame, databases.shown(source)), tables=sources.tables(source, root, raw))
    yield Arrival(source.table or "query", found, {"after": last})


_TYPES: dict[str, Any] = {"datetime": datetime.fromisoformat, "date": date.fromisoformat, "Decimal": Decimal}


def _plain(value: Any) -> Any:
    """Return a value of a database as JSON has it, with its type where JSON has none."""
    kind = type(value).__name__
    return {kind: str(value)} if kind in _TYPES else value


def _typed(value: Any) -> Any:
    """Return the value that `_plain` was given."""
    return next(_TYPES[kind](text) for kind, text in value.items()) if isinstance(value, dict) else value

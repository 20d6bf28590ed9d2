"""Collection: rows from wherever the scenario says, each with its line, and with the origin of the whole."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loopbook.data import catalog, databases, download, files, plain_csv, raw_copies
from loopbook.data.catalog import Dataset
from loopbook.data.download import Progress, silent
from loopbook.data.files import Broken, CsvForm, Table
from loopbook.data.web import saved
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError, suggest
from loopbook.scenario.source import (
    CatalogSource,
    CrawlSource,
    CsvSource,
    FeedSource,
    HttpSource,
    JsonlSource,
    ParquetSource,
    Read,
    ShopSource,
    SimulationSource,
    Source,
    SqlSource,
)
from loopbook.scenario.task import HISTORY, RANKED, TAKEN, Ranking, Task
from loopbook.statistics.coin import coin

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

_POSTS = (
    *("post_id", "author", "time", "company", "text", "topics", "sentiment", "material", "alert", "style"),
    *("true_alert", "hard_case", "topic"),
)
_PLACES = (
    *("list", "time", "reader", "book", "place", "propensity", "price", "clicked", "bought"),
    *("title", "blurb", "author", "items_price", "pages", "age", "published", "users_age", "joined"),
)


@dataclass(frozen=True)
class Collected:
    """What came from a source.

    Attributes
    ----------
    frame
        All columns as read; strings where the kind of source has no types.
    lines
        The line of the source on which each row of `frame` begins, or its number, from 1; int64 [n].
    broken
        Rows that could not be parsed: line, reason, detail, text.
    origin
        address, licence, citation, sha256, rows; of a sample also caution and of_rows, how many there are.
    tables
        Further tables by name, to be joined to the rows.
    """

    frame: pd.DataFrame
    lines: NDArray[np.int64]
    broken: pd.DataFrame
    origin: dict[str, Any]
    tables: Mapping[str, Collected] = field(default_factory=dict)


def collect(source: Source, root: Path, raw: Path, progress: Progress = silent) -> Collected:
    """Read the rows of a source.

    Parameters
    ----------
    source
        The scenario's source.
    root
        The project's folder; paths are relative to it.
    raw
        The folder ``data/raw``, for what is downloaded.
    progress
        Hears how far a download is.

    Returns
    -------
    Collected
        ``len(frame) + len(broken)`` is the number of rows in the source.

    Raises
    ------
    DataError
        If the source cannot be read; the message names file, line, column or table, and the remedy.
    """
    for why in filter(None, map(raw_copies.gone, raw_copies.of(source, root, raw))):
        progress(why)
    collected = _windowed(_collect(source, root, raw, progress), source)
    further = tables(source, root, raw, progress) or collected.tables
    return replace(collected, origin=collected.origin | {"raw": raw_copies.lifetime(source, root, raw)}, tables=further)


def tables(source: Source, root: Path, raw: Path, progress: Progress = silent) -> dict[str, Collected]:
    """Read the further tables of a source, by name; see `collect`."""
    named = source.tables if isinstance(source, Read) else {}
    return {name: collect(table, root, raw, progress) for name, table in named.items()}


def _collect(source: Source, root: Path, raw: Path, progress: Progress) -> Collected:
    match source:
        case CsvSource() | JsonlSource() | ParquetSource():
            path = _file(source.path, root)
            return _of_file(path, source.kind, _form(source), source, source.path)
        case HttpSource():
            path = download.refresh(source.url, raw_copies.http(source, raw), source.sha256, progress)
            return _of_file(path, source.format, CsvForm(), source, download.shown(source.url))
        case CatalogSource():
            return _from_catalog(source, raw, progress)
        case SqlSource():
            names, rows = databases.read(source, root)
            if not rows:
                raise DataError(f"source.{'table' if source.table else 'query'} gave no rows.")
            table = Table(tuple(names), rows, list(range(1, len(rows) + 1)))
            return _sampled(_of_table(table, _origin(databases.shown(source), _digest_rows(rows))), source)
        case FeedSource() | CrawlSource():
            digest = _saved(source, root, raw)
            table, told = saved.read(source, raw, progress)
            address = ", ".join(source.start if isinstance(source, CrawlSource) else source.addresses)
            origin = _origin(address, digest, source.licence) | told
            return _sampled(_of_table(_first(table, source.rows), origin), source)
        case SimulationSource() | ShopSource():
            return _simulated(source)


def _windowed(collected: Collected, source: Source) -> Collected:
    """Return the windows of a series in place of its readings; other rows as they are."""
    if not isinstance(source, Read) or source.series is None:
        return collected
    import pandas as pd

    from loopbook.data import series

    made = series.windows(collected.frame, collected.lines, source)
    caution = " ".join(text for text in (collected.origin.get("caution", ""), made.caution) if text)
    broken = pd.DataFrame(made.broken, columns=collected.broken.columns)
    unread = pd.concat([collected.broken, broken], ignore_index=True)
    origin = collected.origin | {"readings": collected.origin["rows"], "per_step": made.per_step, "caution": caution}
    return Collected(made.frame, made.lines, unread, origin | {"rows": len(made.frame) + len(unread)})


def fingerprint(source: Source, root: Path, raw: Path) -> str:
    """Return a hash of the content that `collect` would read.

    Files are hashed, a catalog's data set is pinned, an address is asked whether its file changed, a query is run
    (the order of its rows does not count), of feeds and crawls it is what was saved by the last fetch, and a simulation
    is given by its settings.

    Raises
    ------
    DataError
        If the content cannot be had.
    """
    match source:
        case CsvSource() | JsonlSource() | ParquetSource():
            content = download.sha256(_file(source.path, root))
        case HttpSource():
            content = download.sha256(download.refresh(source.url, raw_copies.http(source, raw), source.sha256))
        case CatalogSource():
            content = catalog.find(source.dataset).sha256
        case SqlSource():
            content = _digest_rows(databases.read(source, root)[1])
        case FeedSource() | CrawlSource():
            content = _saved(source, root, raw)
        case SimulationSource() | ShopSource():
            content = "simulation"
    for table in source.tables.values() if isinstance(source, Read) else ():
        content += fingerprint(table, root, raw)
    settings = json.dumps(source.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(f"{settings}\n{content}".encode()).hexdigest()


def check(scenario: Scenario, root: Path) -> None:
    """Check quickly that the source is there and has the columns that the scenario names.

    Only the first lines are read and no connection to another machine is opened, so what passes here can still fail
    later, with the same care.

    Raises
    ------
    DataError
        Naming file, column and what was probably meant.
    """
    where, known = _columns(scenario.source, root)
    series = getattr(scenario.source, "series", None)
    if known is not None and series is not None:
        source = scenario.source
        asked = [*series.sensors, *filter(None, (series.by, source.time)), *source.missing, *source.units]
        if lacking := [name for name in asked if name not in known]:
            raise DataError(
                f"{where} has no column {lacking[0]!r}, of which windows are made.{suggest(lacking[0], known)}"
            )
        known = (str(scenario.source.time), *series.columns)
        where = f"a window of {where}"
    if known is None:
        return
    for name, table in getattr(scenario.source, "tables", {}).items():
        on, (at, beside) = table.named_by or table.key, _columns(table, root)
        if beside is None:
            return
        if table.key not in beside:
            raise DataError(f"{at} has no column {table.key!r}, the key of {name}.{suggest(table.key, beside)}")
        if on not in known:
            raise DataError(
                f"{where} has no column {on!r}, which names the rows of the table {name}."
                f"{suggest(on, known)} Name it in source.tables.{name}.named_by."
            )
        own, where = set(known), f"{where} with {at}"
        known = (*known, *(f"{name}_{column}" if column in own else column for column in beside if column != table.key))
    require(scenario, (*known, *_made(scenario.task)), where)


def _columns(source: Source, root: Path) -> tuple[str, Sequence[str] | None]:
    """Return what a message calls a source, and its columns as far as a quick look shows them."""
    match source:
        case CsvSource():
            return source.path, files.csv_columns(_file(source.path, root), _form(source), source.path)
        case JsonlSource():
            return source.path, files.read_jsonl(files.head(_file(source.path, root)), source.path).columns
        case ParquetSource():
            file = _file(source.path, root)
            return source.path, _parquet(file, file.name, lambda opened: opened.schema_arrow.names)
        case CatalogSource():
            return f"data set {source.dataset}", catalog.find(source.dataset).all_columns
        case SqlSource():
            databases.check(source, root)
            return f"table {source.table}", databases.columns(source, root)
        case FeedSource() | CrawlSource():
            return source.kind, saved.columns(source)
        case SimulationSource():
            return source.kind, _POSTS
        case ShopSource():
            return source.kind, _PLACES
        case HttpSource():
            return source.kind, None  # an address is not opened for a quick look


def require(scenario: Scenario, known: Iterable[str], where: str) -> None:
    """Refuse a scenario that names a column which the source does not have.

    Raises
    ------
    DataError
        One line for each such column.
    """
    known = tuple(known)
    source, task = scenario.source, scenario.task
    named = [(f"task.fields.{name}", name) for name in task.fields]
    named.append(("task.label.column", task.label.column))
    named += [(f"task.also.{name}.column", output.column) for name, output in task.also.items()]
    named += [
        (f"source.{key}", name) for key in ("id", "time", "group", "stratum", "truth") if (name := getattr(source, key))
    ]
    if isinstance(task, Ranking):
        named += [(f"task.{key}", name) for key in RANKED if (name := getattr(task, key))]
    if scenario.data.splits.column:
        named.append(("data.splits.column", scenario.data.splits.column))
    of_readings = getattr(source, "series", None) is not None
    listed = ("protected", "personal", *(() if of_readings else ("missing", "units")))
    named += [(f"source.{key}", name) for key in listed for name in getattr(source, key)]
    problems = [
        f"{where} has no column {name!r}, which {place} names.{suggest(name, known)}"
        for place, name in named
        if name not in known
    ]
    if problems:
        raise DataError("\n".join(problems))


def _made(task: Task) -> tuple[str, ...]:
    """Return the columns that no source has to have: what a ranking draws, and what it counts of the past."""
    return (*HISTORY, *([TAKEN] if task.negatives else [])) if isinstance(task, Ranking) else ()


def _file(written: str, root: Path) -> Path:
    path = root / written
    if path.is_file():
        return path
    if path.is_dir():
        raise DataError(f"source.path {written} is a folder, not a file.")
    if why := raw_copies.gone(path):
        raise DataError(f"source.path {written} is not there: {why} Put it back, or name the file where it lies.")
    if path.exists():
        raise DataError(f"source.path {written} is a pipe, device or socket, not a file. Save its rows in a file.")
    near = next(folder for folder in path.parents if folder.is_dir())
    known = [item.name for item in near.iterdir() if item.is_file()]
    raise DataError(f"source.path {written} is not there (looked in {path.parent}).{suggest(path.name, known)}")


def _form(source: Source) -> CsvForm:
    if not isinstance(source, CsvSource):
        return CsvForm()
    return CsvForm(source.delimiter, source.encoding, source.header, source.quoting, source.escapes)


def _origin(
    address: str, sha256: str, licence: str = "not stated", citation: str = "", caution: str = ""
) -> dict[str, Any]:
    known = {"address": address, "licence": licence, "citation": citation, "sha256": sha256}
    return known | ({"caution": caution} if caution else {})


def _of_file(path: Path, kind: str, form: CsvForm, source: Read, address: str) -> Collected:
    content = path.read_bytes()
    origin = _origin(address, hashlib.sha256(content).hexdigest())
    found = _read(content, kind, form, path.name, origin, source.rows)
    if kind == "parquet" and not len(found.frame):
        raise DataError(f"{path.name} is empty. Is it the right file?")
    return _sampled(found, source)


def of_file(path: Path, kind: str, source: Source) -> Collected:
    """Read a file that came in for a scenario; a csv file as the scenario's own one is written.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    content = path.read_bytes()
    origin = _origin(path.name, hashlib.sha256(content).hexdigest())
    return _read(content, kind, _form(source), path.name, origin)


def numbered(frame: pd.DataFrame, address: str) -> Collected:
    """Return rows that were read already, numbered from 1."""
    return _collected(frame, _origin(address, ""))


def _read(
    content: bytes, kind: str, form: CsvForm, name: str, origin: dict[str, Any], limit: int | None = None
) -> Collected:
    if kind == "csv":
        return _of_csv(content, form, name, limit, origin)
    if kind == "jsonl":
        return _of_table(files.read_jsonl(content, name, limit), origin)
    table = _parquet(io.BytesIO(content), name, lambda opened: opened.read())
    return _collected(table.slice(0, limit).to_pandas(), origin)


def _of_csv(content: bytes, form: CsvForm, name: str, limit: int | None, origin: dict[str, Any]) -> Collected:
    plain = plain_csv.read(content, form, name)
    if plain is None:
        return _of_table(files.read_csv(content, form, name, limit), origin)
    frame = plain if limit is None else plain.head(limit)
    first = 1 if form.header else 2
    return _collected(frame, origin, range(first, first + len(frame)))


def drawn(values: Iterable[Any], share: float) -> list[bool]:
    """Say for each group or line whether it belongs to a sample of this share, by a hash of its text."""
    return [coin(str(value)) < share for value in values]


def _sampled(collected: Collected, source: Read) -> Collected:
    """Return the sample that a source asks for: by a hash of the group or the line, so the same rows each time."""
    frame, lines, unread, origin = collected.frame, collected.lines, collected.broken, collected.origin
    if source.sample is None or source.sample >= origin["rows"]:
        return collected
    share = source.sample / origin["rows"]
    kept = drawn(frame[source.group].astype(str).str.strip() if source.group in frame else lines, share)
    still = drawn(unread["line"], share)
    said = f"A sample: about {source.sample:,} of {origin['rows']:,} rows, drawn over the whole source."
    caution = " ".join(text for text in (origin.get("caution"), said) if text)
    return Collected(
        frame[kept].reset_index(drop=True),
        lines[kept],
        unread[still].reset_index(drop=True),
        origin | {"caution": caution, "rows": sum(kept) + sum(still), "of_rows": origin["rows"]},
    )


def _of_table(table: Table, origin: dict[str, Any]) -> Collected:
    import pandas as pd

    columns = list(zip(*table.rows, strict=True)) or [()] * len(table.columns)
    frame = pd.DataFrame({name: list(values) for name, values in zip(table.columns, columns, strict=True)})
    return _collected(frame, origin, table.lines, table.broken)


def _saved(source: FeedSource | CrawlSource, root: Path, raw: Path) -> str:
    """Return the hash of what was fetched, or say that gc has taken it away."""
    if why := next(filter(None, map(raw_copies.gone, raw_copies.of(source, root, raw))), ""):
        raise DataError(f"{why} {saved.REMEDY}")
    return saved.digest(source, raw)


def _first(table: Table, limit: int | None) -> Table:
    """Return the first rows of a table, broken ones included."""
    if limit is None:
        return table
    kept = sorted([*table.lines, *(broken.line for broken in table.broken)])[:limit]
    rows = [row for row, line in zip(table.rows, table.lines, strict=True) if line <= kept[-1]]
    return Table(table.columns, rows, table.lines[: len(rows)], [row for row in table.broken if row.line <= kept[-1]])


def _parquet(file: Path | io.BytesIO, name: str, take: Callable[[Any], Any]) -> Any:
    """Return what is taken from an opened parquet file; its pages are read, and may be damaged, only then."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return take(pq.ParquetFile(file))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name} is not a readable parquet file: {str(error).splitlines()[0]}") from error


def _from_catalog(source: CatalogSource, raw: Path, progress: Progress) -> Collected:
    dataset = catalog.find(source.dataset)
    collected = _of_files(dataset, source.rows, raw, progress)
    if dataset.number:
        collected.frame.insert(0, dataset.number, collected.lines.astype(str))
    collected.lines[:] += dataset.preamble
    for name, (source_column, mark) in dataset.derived.items():
        parts = collected.frame[source_column].str.rpartition(mark)
        collected.frame[name] = parts[0].where(parts[1] != "", parts[2])
    return _sampled(collected, source)


def _of_files(dataset: Dataset, limit: int | None, raw: Path, progress: Progress) -> Collected:
    """Return the rows of all files of a data set, one after another, with their lines counted on."""
    import pandas as pd

    origin = _origin(dataset.address, dataset.sha256, dataset.licence, dataset.citation, dataset.caution)
    frames: list[pd.DataFrame] = []
    lines: list[int] = []
    broken: list[Broken] = []
    for file in dataset.files:
        before, left = max(lines, default=0), None if limit is None else limit - len(lines) - len(broken)
        path = catalog.fetch(file, raw, progress)
        read = _of_csv(path.read_bytes().split(b"\n", file.preamble)[-1], file.form, path.name, left, origin)
        frames.append(read.frame.assign(**dict([file.part] if file.part else [])))
        lines += (read.lines + before).tolist()
        broken += [Broken(int(line) + before, *told) for line, *told in read.broken.itertuples(index=False)]
    return _collected(pd.concat(frames), origin, lines, broken)


def _simulated(source: SimulationSource | ShopSource) -> Collected:
    from loopbook.simulation.shop import world as shop
    from loopbook.simulation.world import simulate

    digest = hashlib.sha256(json.dumps(source.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()
    origin = _origin(f"simulated, seed {source.seed}", digest, "none needed: the texts are invented")
    if isinstance(source, SimulationSource):
        return _collected(simulate(source).posts, origin)
    world = shop.simulate(source)
    further = {"items": _collected(world.items, origin), "users": _collected(world.users, origin)}
    return replace(_collected(world.rows, origin), tables=further)


def _collected(
    frame: pd.DataFrame, origin: dict[str, Any], lines: Sequence[int] | None = None, broken: Sequence[Broken] = ()
) -> Collected:
    """Return the rows of a source; without `lines`, of one that cannot hold broken ones, they are numbered."""
    import numpy as np
    import pandas as pd

    begins = np.array(range(1, len(frame) + 1) if lines is None else lines, dtype=np.int64)
    unread = pd.DataFrame(list(broken), columns=list(Broken._fields))
    rows = len(frame) + len(unread)
    return Collected(frame.reset_index(drop=True), begins, unread, {**origin, "rows": rows})


def _digest_rows(rows: list[list[Any]]) -> str:
    """Return a hash of rows that does not depend on their order, which a database does not promise."""
    digests = sorted(hashlib.sha256(repr(row).encode()).hexdigest() for row in rows)
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()

"""Read csv and json lines with the line number of every row; what cannot be parsed is kept as a broken row."""

import codecs
import csv
import io
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from loopbook.data import encodings
from loopbook.scenario.errors import DataError, suggest

_HEAD = 65_536  # bytes that a quick look reads
_DELIMITERS = ",;\t|"
_ESCAPED = re.compile(r'\\(["\\])')
_UNNAMED = "unnamed_"  # with its number: the name of a column that the header leaves out
_QUOTE = "a quotation mark is not closed, or stands inside a field without being doubled"
_FIELD_LIMIT = 2**31 - 1  # the csv module's own limit, 131,072 characters, would break a long text into an error


Record = tuple[list[str], int, str]
"""Fields, first line, and what is wrong with them, if anything is."""


class Broken(NamedTuple):
    """A row that could not be parsed."""

    line: int
    reason: str
    detail: str
    text: str


@dataclass(frozen=True)
class Table:
    """Rows as read: values in the order of `columns`, and the line on which each row begins."""

    columns: tuple[str, ...]
    rows: list[list[Any]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)


@dataclass(frozen=True)
class CsvForm:
    """How a csv file is written; the fields are those of `CsvSource`."""

    delimiter: str | None = None
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()
    quoting: bool = True
    escapes: bool = False


def decode(content: bytes, encoding: str, name: str) -> str:
    """Return the text of a file.

    Raises
    ------
    DataError
        For an unknown encoding, or a byte that does not belong to it; the message names line and likely encoding.
    """
    try:
        codec = codecs.lookup(encoding).name
    except LookupError:
        raise DataError(
            f"{name}: source.encoding {encoding!r} is not known.{suggest(encoding, ['utf-8', 'cp1252', 'utf-16'])}"
        ) from None
    if codec == "utf-8" and content.startswith(codecs.BOM_UTF8):
        codec = "utf-8-sig"
    try:
        text = content.decode(codec)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name}:{line}: byte 0x{content[error.start]:02x} is not {encoding}.{_likely(content, codec)}"
        ) from error
    if text.count("\0") > len(text) // 10:
        raise DataError(f"{name}:1: every other byte is zero, so this is not {encoding}.{_likely(content, codec)}")
    return text


def _likely(content: bytes, tried: str) -> str:
    """Return a sentence with the encoding that the bytes speak for."""
    likely = encodings.likely(content)[0]
    if likely == tried:
        return " Save the file as UTF-8."
    return f" It is probably {likely}: set source.encoding to {likely}, or save the file as UTF-8."


def head(path: Path) -> bytes:
    """Return the first bytes of a file, up to the end of a line where there is one."""
    with path.open("rb") as file:
        content = file.read(_HEAD)
        rest = file.read(1)
    return content[: _last_line_end(content)] or content if rest else content


def _last_line_end(content: bytes) -> int:
    """Return where the last whole line ends; in UTF-16 a line's end is two bytes, of which one alone says nothing."""
    if not encodings.likely(content)[0].startswith("utf-16"):
        return content.rfind(b"\n") + 1
    codec = "utf-16-be" if content.startswith(codecs.BOM_UTF16_BE) else "utf-16-le"
    text = content.decode(codec, "ignore")
    return len(text[: text.rfind("\n") + 1].encode(codec))


def delimiter(text: str, quoting: bool) -> str:
    """Return the delimiter that splits the first lines of a csv file into equally many fields."""
    lines = _physical(text)[:20]
    best, best_score = ",", (0.0, 0)
    for candidate in _DELIMITERS:
        counts = Counter(len(record) for record, _, _ in _records(lines, candidate, quoting, 0) if record)
        width, times = max(counts.items(), key=lambda item: (item[0] > 1, item[1], item[0]), default=(0, 0))
        score = (times / max(1, sum(counts.values())), width)
        if width > 1 and score > best_score:
            best, best_score = candidate, score
    return best


def read_csv(content: bytes, form: CsvForm, name: str, limit: int | None = None) -> Table:
    """Return the rows of a csv file.

    A line with too many or too few fields, or with a quotation mark that is never closed, becomes a broken row and
    takes no neighbour with it.

    Parameters
    ----------
    content
        The file's bytes.
    form
        Delimiter, encoding, header and quoting.
    name
        The file's name for messages.
    limit
        Read at most so many rows, broken ones included.

    Raises
    ------
    DataError
        For a wrong encoding, a file without rows, and a header with a name twice.
    """
    columns, sign, records = _opened(content, form, name)
    table = Table(columns)
    for record, line, problem in itertools.islice(records, limit):
        if all(name.startswith(_UNNAMED) for name in columns[len(record) :]):
            record += [""] * (len(columns) - len(record))
        wrong = f"{len(record)} fields where the header has {len(columns)}" if len(record) != len(columns) else ""
        wrong = wrong or "the header again" * (not form.header and tuple(map(str.strip, record)) == columns)
        if problem or wrong:
            table.broken.append(Broken(line, "broken-line", problem or wrong, sign.join(record)))
        else:
            table.rows.append(record)
            table.lines.append(line)
    if not table.rows and not table.broken:
        raise DataError(f"{name} has a header and no rows. Is it the right file?")
    return table


def csv_columns(path: Path, form: CsvForm, name: str) -> tuple[str, ...]:
    """Return the column names of a csv file from its first lines."""
    columns, _, records = _opened(head(path), form, name)
    if form.header and (width := len(next(records)[0])) != len(columns):
        raise DataError(f"{name}:1: {width} fields, but source.header names {len(columns)} columns.")
    return columns


def csv_head(content: bytes, form: CsvForm, name: str) -> tuple[tuple[str, ...], str]:
    """Return the column names of a csv file, and its delimiter, from its first lines."""
    begin = content[:_HEAD]
    whole = content if len(content) <= _HEAD else begin[: _last_line_end(begin)] or content
    return _opened(whole, form, name)[:2]


def _opened(content: bytes, form: CsvForm, name: str) -> tuple[tuple[str, ...], str, Iterator[Record]]:
    """Return the columns of a csv file, its delimiter, and its records."""
    text = decode(content, form.encoding, name)
    if not text.strip():
        raise DataError(f"{name} is empty. Is it the right file?")
    sign = form.delimiter or delimiter(text, form.quoting)
    if form.escapes:
        text = unescaped(text)
    records = _records(_physical(text), sign, form.quoting, len(form.header))
    return form.header or _header(records, name), sign, records


def read_jsonl(content: bytes, name: str, limit: int | None = None) -> Table:
    """Return the rows of a json lines file; a nested value is kept as JSON text.

    Raises
    ------
    DataError
        For a file that is not UTF-8 or has no rows.
    """
    records: list[tuple[int, dict[str, Any]]] = []
    broken: list[Broken] = []
    lines = enumerate(_physical(decode(content, "utf-8", name)), start=1)
    for line, raw in itertools.islice(((line, raw) for line, raw in lines if raw.strip()), limit):
        try:
            value = json.loads(raw)
            problem = "" if isinstance(value, dict) else f"a JSON {type(value).__name__}, not an object"
        except (ValueError, RecursionError) as error:
            problem = f"not JSON: {str(error)[:120]}"
        if problem:
            broken.append(Broken(line, "broken-line", problem, raw.rstrip()))
        else:
            records.append((line, value))
    if not records and not broken:
        raise DataError(f"{name} is empty. Is it the right file?")
    columns = tuple(dict.fromkeys(column for _, value in records for column in value))
    rows = [
        [
            json.dumps(item, ensure_ascii=False) if isinstance(item, dict | list) else item
            for item in map(value.get, columns)
        ]
        for _, value in records
    ]
    return Table(columns, rows, [line for line, _ in records], broken)


def unescaped(text: str) -> str:
    """Return a text in which quotation marks behind a backslash are doubled, as csv files have them elsewhere."""
    return _ESCAPED.sub(lambda found: '""' if found[1] == '"' else "\\", text)


def _physical(text: str) -> list[str]:
    """Return the lines of a text, ended by the line ends that files have, and by nothing else in Unicode."""
    return list(io.TextIOWrapper(io.BytesIO(text.encode("utf-8")), "utf-8", newline=""))


def _header(records: Iterator[Record], name: str) -> tuple[str, ...]:
    record, line, problem = next(records, ([], 1, "no header"))
    if problem:
        raise DataError(f"{name}:{line}: the header cannot be read: {problem}.")
    columns = [column.strip() or f"{_UNNAMED}{index}" for index, column in enumerate(record, start=1)]
    twice = [column for column, count in Counter(columns).items() if count > 1]
    if twice:
        raise DataError(
            f"{name}:{line}: the header names {', '.join(map(repr, twice))} more than once; rename one, or "
            "write a line with the columns' names above it, if these are values."
        )
    return tuple(columns)


def _records(lines: list[str], sign: str, quoting: bool, width: int) -> Iterator[Record]:
    """Yield the records; `width` is the number of fields, 0: that of the first.

    A quotation mark that opens in one line and closes, by accident, in a later one would swallow the lines between.
    So when a record over several lines does not fit, only its first line is broken and the others are read again.
    """
    csv.field_size_limit(_FIELD_LIMIT)
    position, begin, reader = 0, 0, None
    while position < len(lines):
        if reader is None:
            begin, left = position, (lines[index] for index in range(position, len(lines)))
            reader = csv.reader(
                left, delimiter=sign, strict=quoting, quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE
            )
        record, problem = [], ""
        try:
            record = next(reader)
        except csv.Error as error:
            problem = _QUOTE if '"' in str(error) or "end of data" in str(error) else str(error)
        if width < len(record) and width and not any(field.strip() or "\n" in field for field in record[width:]):
            del record[width:]  # a delimiter at the end of the line makes an empty field
        taken = begin + reader.line_num - position
        if taken > 1 and (problem or (width and len(record) != width)):
            record, problem, taken = [], _QUOTE, 1
        if problem:
            reader = None
        if record or problem:
            yield record or [lines[position].rstrip("\r\n")], position + 1, problem
        width = width or len(record)
        position += taken

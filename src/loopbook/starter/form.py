"""The form of a csv file, found from the file itself: encoding, delimiter, quoting, decimal mark."""

import codecs
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from loopbook.data import encodings, files, parsing
from loopbook.data.cleaning import shorten
from loopbook.scenario.errors import DataError, refuse
from loopbook.starter import marks
from loopbook.starter.marks import Doubt

_KINDS = {
    b"PK\x03\x04": "an Excel workbook, or a zip archive of several files",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"PAR1": "a parquet file",
    b"SQLite format 3": "an SQLite database",
}
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SAVE = "Save the table as CSV (UTF-8) and name that file."
_ROWS = 50_000  # rows, the first, from which the form is found
_LOOKED_AT = 500  # of these, from which marks of numbers are found
_MANY_BROKEN = 0.3
_TWO_COLONS = " This one's are divided by ::, two signs: put a tab for them (sed 's/::/\\t/g'), and names above."


@dataclass(frozen=True)
class Form:
    """How a csv file is written, as `CsvSource` says it, with what speaks for it."""

    encoding: str
    delimiter: str
    quoting: bool
    decimal: str
    thousands: str | None
    encoding_reason: str
    marks_reason: str
    broken: float  # share of rows that cannot be parsed
    escapes: bool = False
    doubts: tuple[Doubt, ...] = ()


def read(content: bytes, name: str) -> tuple[Form, files.Table]:
    """Return the form of a file and its first rows.

    Parameters
    ----------
    content
        The file's bytes.
    name
        Its name for messages.

    Raises
    ------
    DataError
        For a file that is empty, no text, has one column or no usable header; the message says what to do.
    """
    what = next((what for beginning, what in _KINDS.items() if content.startswith(beginning)), "")
    refuse(DataError, (what, f"{name} is {what}, not a csv file. {_SAVE}"))
    likely = encodings.likely(content)
    encoding = likely[0]
    text = files.decode(content, encoding, name)
    refuse(
        DataError,
        (not text.strip(), f"{name} is empty. Is it the right file?"),
        (len(_CONTROL.findall(text[:100_000])) > len(text[:100_000]) // 100, f"{name} is no text file. {_SAVE}"),
    )
    readings: list[tuple[float, files.CsvForm, files.Table]] = []
    problems: list[DataError] = []
    for quoting, escapes in ((True, False), (True, True), (False, False)):
        head = files.unescaped(text[:200_000]) if escapes else text[:200_000]
        form = files.CsvForm(files.delimiter(head, quoting), encoding, (), quoting, escapes)
        try:
            table = files.read_csv(content, form, name, _ROWS)
        except DataError as error:
            problems.append(error)
            continue
        readings.append((len(table.broken) / max(1, len(table.rows) + len(table.broken)), form, table))
        if not readings[-1][0] and not (quoting and not escapes and '\\"' in text):
            break
    if not readings:
        raise problems[0]
    broken, form, found = min(readings, key=lambda reading: reading[0])
    sign = form.delimiter or ","
    _refuse_shape(found, broken, text, sign, name)
    step = max(1, len(found.rows) // _LOOKED_AT)
    cells = zip(*found.rows[::step], strict=True)
    looked_at = {column: list(map(str, values)) for column, values in zip(found.columns, cells, strict=True)}
    (decimal, thousands), reason, doubts = marks.find(looked_at, sign)
    return Form(
        encoding=encoding,
        delimiter=sign,
        quoting=form.quoting,
        decimal=decimal,
        thousands=thousands,
        encoding_reason=_encoding_reason(content, encoding),
        marks_reason=reason,
        broken=broken,
        escapes=form.escapes,
        doubts=(*_encoding_doubt(content, likely), *doubts),
    ), found


def _refuse_shape(table: files.Table, broken: float, text: str, sign: str, name: str) -> None:
    if broken > _MANY_BROKEN:
        example = table.broken[0]
        hint = _shape_hint(text.splitlines()[:500], sign)
        raise DataError(
            f"{name}: {broken:.0%} of the rows do not fit the header on the first line "
            f"(line {example.line}: {example.detail}).{hint}"
        )
    refuse(
        DataError,
        (
            len(table.columns) < 2,
            f"{name} has one column. A table with a label and at least one input is needed, its columns divided by "
            f"comma, semicolon, tab or |.{_TWO_COLONS if '::' in table.columns[0] else ''}",
        ),
        (not table.rows, f"{name} has a header and no rows that can be read. Is it the right file?"),
        (
            _is_row(table),
            f"{name}: the first line holds values, as the lines below it do, and no names. Write a line with the "
            "columns' names above it.",
        ),
    )


def _is_row(table: files.Table) -> bool:
    """Say whether the header is a row: mostly numbers, or cells that stand below it too, beside numbers and texts."""
    read, bad = parsing.numbers(pd.Series(table.columns, dtype=object))
    numbers, cells = (~bad & pd.notna(read)).tolist(), zip(*table.rows, strict=True)
    below = [name in map(str.strip, values) for name, values in zip(table.columns, cells, strict=True)]
    wordy = (len(name.split()) >= 5 for name in table.columns)
    likely = sum(map(any, zip(numbers, below, wordy, strict=True)))
    return sum(numbers) > len(numbers) / 2 or (any(below) and likely >= 2)


def _shape_hint(lines: list[str], sign: str) -> str:
    """Return what is wrong where most rows do not fit the first line, as far as the number of fields tells it."""
    widths = Counter(line.count(sign) for line in lines if line.strip())
    width = max(widths, key=lambda each: (widths[each], each))
    first = next(number for number, line in enumerate(lines, 1) if line.count(sign) == width)
    above, header = lines[: first - 1], lines[first - 1].split(sign)
    named = len(set(header)) == len(header) and not any(re.search(r"\d", field) for field in header)
    if above and named and all(line.count(sign) < width for line in above):
        return f" Line {first} looks like the header: delete the lines above it."
    if above and len(above) == 1:
        return f" Most rows have {width + 1} fields, the header has {above[0].count(sign) + 1}: name all columns there."
    return ""


def _encoding_reason(content: bytes, encoding: str) -> str:
    reasons = (
        (content.startswith(codecs.BOM_UTF8), "the file begins with the mark of UTF-8"),
        (content.isascii(), "only plain characters, so any would do"),
        (encoding == "utf-8", "all bytes are valid UTF-8"),
        (encoding.startswith("utf-16"), "two bytes a character"),
        (True, "bytes that are not UTF-8; this is what their letters speak for"),
    )
    return next(reason for holds, reason in reasons if holds)


def _encoding_doubt(content: bytes, likely: Sequence[str]) -> tuple[Doubt, ...]:
    """Return an excerpt in each encoding in which the file could be written, where there are several."""
    if len(likely) < 2:
        return ()
    line = next(line for line in content.split(b"\n") if not line.isascii())
    read = "; ".join(f"{each}: {shorten(line.decode(each, 'replace'), 40)!r}" for each in likely)
    return (Doubt(f"please check which reading is right: {read}", 0.2, "encoding"),)

"""The form of a csv file, found from the file itself: encoding, delimiter, quoting, decimal mark."""

import codecs
import re
from collections import Counter
from dataclasses import dataclass

import pandas as pd

from loopbook.data import files, parsing
from loopbook.scenario.errors import DataError, refuse

_KINDS = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"PAR1": "a parquet file",
    b"SQLite format 3": "an SQLite database",
    b"\x1f\x8b": "a gzip archive",
}
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SAVE = "Save the table as CSV (UTF-8) and name that file."
_ROWS = 50_000  # rows, the first, from which the form is found
_LOOKED_AT = 500  # of these, from which marks of numbers are found
_MANY_BROKEN = 0.3

Marks = tuple[str, str | None]
_MARKS: tuple[Marks, ...] = ((".", None), (",", None), (",", "."), (",", " "), (".", ","), (".", "'"))
_MARKS_AMONG_COMMAS: tuple[Marks, ...] = ((".", None), (".", ","), (",", None), (",", "."))


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
    encoding = files.likely_encoding(content)
    text = files.decode(content, encoding, name)
    refuse(
        DataError,
        (not text.strip(), f"{name} is empty. Is it the right file?"),
        (len(_CONTROL.findall(text[:100_000])) > len(text[:100_000]) // 100, f"{name} is no text file. {_SAVE}"),
    )
    readings: list[tuple[float, bool, str, files.Table]] = []
    problems: list[DataError] = []
    for quoting in (True, False):
        sign = files.delimiter(text[:200_000], quoting)
        try:
            table = files.read_csv(content, files.CsvForm(sign, encoding, (), quoting), name, _ROWS)
        except DataError as error:
            problems.append(error)
            continue
        readings.append((len(table.broken) / max(1, len(table.rows) + len(table.broken)), quoting, sign, table))
        if readings[-1][0] < 0.02:
            break
    if not readings:
        raise problems[0]
    broken, quoting, sign, found = min(readings, key=lambda reading: (reading[0], not reading[1]))
    _refuse_shape(found, broken, text, sign, name)
    decimal, thousands, reason = _marks(found, sign)
    return Form(encoding, sign, quoting, decimal, thousands, _encoding_reason(content, encoding), reason, broken), found


def _refuse_shape(table: files.Table, broken: float, text: str, sign: str, name: str) -> None:
    if broken > _MANY_BROKEN:
        widths = Counter(line.count(sign) for line in text.splitlines()[:500] if line.strip())
        width = max(widths, key=lambda each: (widths[each], each))
        first = next(number for number, line in enumerate(text.splitlines(), 1) if line.count(sign) == width)
        hint = f" Line {first} looks like the header: delete the lines above it." if first > 1 else ""
        example = table.broken[0]
        raise DataError(
            f"{name}: {broken:.0%} of the rows do not fit the header on the first line "
            f"(line {example.line}: {example.detail}).{hint}"
        )
    header = pd.Series(table.columns, dtype=object)
    read, bad = parsing.numbers(header, ".")
    refuse(
        DataError,
        (
            len(header) < 2,
            f"{name} has one column. A table with a label and at least one input is needed, its columns divided by "
            "comma, semicolon, tab or |.",
        ),
        (not table.rows, f"{name} has a header and no rows that can be read. Is it the right file?"),
        (
            (~bad & pd.notna(read)).sum() > len(header) / 2,
            f"{name}: the first line holds numbers, not names. Write a line with the columns' names above it.",
        ),
    )


def _encoding_reason(content: bytes, encoding: str) -> str:
    reasons = (
        (content.startswith(codecs.BOM_UTF8), "the file begins with the mark of UTF-8"),
        (content.isascii(), "only plain characters, so any would do"),
        (encoding == "utf-8", "all bytes are valid UTF-8"),
        (encoding.startswith("utf-16"), "two bytes a character"),
        (True, "bytes that are not UTF-8; the usual one of Western European programs"),
    )
    return next(reason for holds, reason in reasons if holds)


def _marks(table: files.Table, sign: str) -> tuple[str, str | None, str]:
    """Return decimal mark, thousands separator and the reason: the pair by which most values are numbers."""
    step = max(1, len(table.rows) // _LOOKED_AT)
    columns = [
        pd.Series([str(value) for value in values], dtype=object) for values in zip(*table.rows[::step], strict=True)
    ]
    columns = [values for values in columns if values.str.contains(r"\d").any()]

    def reads(marks: Marks) -> int:
        return sum(int(pd.notna(parsing.numbers(values, *marks)[0]).sum()) for values in columns)

    among = _MARKS_AMONG_COMMAS if sign == "," else _MARKS
    counts = {marks: reads(marks) for marks in among}
    best = max(among, key=lambda marks: counts[marks])
    plain = counts[(".", None)]
    if best == (".", None):
        return *best, "no number with a decimal comma" if plain else "no numbers"
    more = counts[best] - plain
    return *best, f"{more:,} values in {len(table.rows[::step]):,} rows are numbers only when read so"

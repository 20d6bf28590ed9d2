"""Values as sources write them: text, missing, numbers, times."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import characters
from loopbook.scenario.source import COUNTED

NOTHING = frozenset(
    (
        *("", "na", "n/a", "nan", "null", "nat", "<na>", "?", "#n/a", "#na", "#div/0!", "#value!", "#ref!", "#name?"),
        *("#num!", "#null!"),
    )
)
"""What sources write, in any case, where a value is missing; spreadsheets' errors are among them."""

LARGEST = float(np.finfo(np.float32).max)
"""What models compute with holds no larger number; its square is a number of eight bytes."""

_GROUPED = r"[+-]?\d{{1,3}}(?:{mark}\d{{3}})*{mark}\d{{3}}(?:{decimal}\d*)?"
_LAKHS = r"[+-]?\d{{1,2}}(?:,\d{{2}})*,\d{{3}}(?:\.\d*)?"
_UNIX: dict[str, tuple[Literal["s", "ms", "us", "ns", "D"], int]]
_UNIX = {"unix": ("s", 10), "unix_ms": ("ms", 13), "unix_us": ("us", 16), "unix_ns": ("ns", 19)}
"""Times counted since 1970: the unit, and the digits that one of our days (2001 to 2286) has."""

_ISO = "ISO8601"
_WHOLE = re.compile(r"^([+-]?\d+)[.,]0+$")


@dataclass(frozen=True)
class Notation:
    """How the numbers of one column are written, as the source's settings say it.

    Attributes
    ----------
    decimal, thousands
        The marks; a blank stands for every kind of space.
    unit
        What may stand before or behind a number: ``$``, ``%``, ``kg``.
    missing
        What means that there is no value; None: `NOTHING`, and "none".
    """

    decimal: str = "."
    thousands: str | None = None
    unit: str = ""
    missing: tuple[str, ...] | None = None


def plain(value: Any) -> str:
    """Return a value as text: a missing one as nothing, 1.0 as 1, True as true."""
    if isinstance(value, str):
        return value
    if value is None or value is pd.NaT or value is pd.NA:
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return ""
        return str(int(value)) if float(value).is_integer() else str(float(value))
    return str(value)


def strings(values: "pd.Series[Any]") -> list[str]:
    """Return a column as texts without space around them."""
    return [plain(value).strip() for value in values.tolist()]


def level(value: str) -> str:
    """Return a value of a label as it is compared: in small letters, a whole number without decimals."""
    return _WHOLE.sub(r"\1", value.strip().casefold())


def is_missing(values: list[str], tokens: Collection[str] | None = None) -> NDArray[np.bool_]:
    """Say which texts mean that there is no value: the empty one and `tokens`, in any case; None: `NOTHING`."""
    known = meaning_nothing(tokens)
    return np.fromiter((value.casefold() in known for value in values), dtype=bool, count=len(values))


def meaning_nothing(tokens: Collection[str] | None) -> Collection[str]:
    """Return what means, in small letters, that there is no value: the empty text and `tokens`; None: `NOTHING`."""
    return NOTHING if tokens is None else {"", *(token.casefold() for token in tokens)}


def numbers(values: "pd.Series[Any]", notation: Notation = Notation()) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return numbers, NaN where there is none; and where something else stands than one up to `LARGEST`.

    A thousands separator that is not named is refused: to one reader ``1.234`` is a little more than one, to another a
    thousand. One that is named must stand before groups of three digits (a comma also as in India). A minus sign may
    stand behind, and parentheses around a number mean minus; a unit that is not named is refused.
    """
    if values.dtype.kind in "iufb":
        typed = values.to_numpy(dtype=np.float64, na_value=np.nan)
        bad = np.abs(typed) > LARGEST
        return np.where(bad, np.nan, typed), bad
    written = strings(values)
    missing = is_missing(written, notation.missing)
    if notation.missing is None:
        missing |= np.array([value.casefold() == "none" for value in written], dtype=bool)
    parsed = np.full(len(written), np.nan)
    if notation.decimal == "." and notation.thousands != ".":
        parsed = _floats(written)
    left = np.flatnonzero(np.isnan(parsed) & ~missing)
    parsed[left] = _floats(_numerals([written[row] for row in left], notation))
    good = ~missing & (np.abs(parsed) <= LARGEST)
    return np.where(good, parsed, np.nan), ~missing & ~good


def _floats(written: Sequence[str]) -> NDArray[np.float64]:
    read = pd.to_numeric(pd.Series(written, dtype=object), errors="coerce")
    return read.to_numpy(dtype=np.float64, na_value=np.nan).copy()


def _numerals(written: list[str], notation: Notation) -> list[str]:
    """Return numbers as Python writes them; what is none stays something that is none."""
    decimal, thousands = notation.decimal, notation.thousands
    unit = re.escape(characters.plain(notation.unit))
    around = re.compile(rf"^([(+-]*)\s*{unit}\s*(?=[\d(+.,-])|(?<=[\d).,-])\s*{unit}\s*([)-]*)$", re.IGNORECASE)
    pattern = _GROUPED.format(mark=re.escape(thousands or ""), decimal=re.escape(decimal))
    grouped = re.compile(rf"{pattern}|{_LAKHS.format()}" if (thousands, decimal) == (",", ".") else pattern)
    return [_numeral(value, around if unit else None, grouped if thousands else None, notation) for value in written]


def _numeral(
    value: str, around: "re.Pattern[str] | None", grouped: "re.Pattern[str] | None", notation: Notation
) -> str:
    text = characters.plain(value)
    if around is not None:
        text = around.sub(r"\1\2", text, count=1).strip()
    if text.startswith("(") and text.endswith(")"):
        text = f"-{text[1:-1].strip()}"
    if text.endswith("-"):
        text = f"-{text[:-1].strip()}"
    text = re.sub(r"^([+-])\s+", r"\1", text)
    if grouped is not None and notation.thousands and grouped.fullmatch(text):
        text = text.replace(notation.thousands, "")
    if notation.decimal == ",":
        text = "?" if "." in text else text.replace(",", ".")
    return text


def times(
    values: "pd.Series[Any]", formats: Sequence[str] = (), missing: Collection[str] | None = None
) -> tuple["pd.Series[Any]", NDArray[np.bool_]]:
    """Return times in UTC, NaT where there is none that can be read; and where the value is missing.

    ISO 8601, or a Unix time of our days in seconds to nanoseconds; a time without a zone is taken as UTC. Days written
    with slashes are not guessed at: what is not ISO 8601 is read by the first of `formats` that fits: as in
    ``strptime`` (months in any of some twenty languages; days of the week and commas do not count), ``unix``,
    ``unix_ms``, ``unix_us``, ``unix_ns``, or ``excel``: days since 30 December 1899.
    """
    if isinstance(values.dtype, pd.DatetimeTZDtype) or values.dtype.kind == "M":
        return pd.to_datetime(values, utc=True).astype("datetime64[us, UTC]"), values.isna().to_numpy()
    texts = pd.Series(strings(values), index=values.index, dtype=object)
    gone = is_missing(texts.tolist(), missing)
    read = pd.Series(pd.NaT, index=values.index, dtype="datetime64[us, UTC]")
    for form in (
        formats if set(COUNTED) & set(formats) else (_ISO, *(f"{unit} told" for unit in _UNIX), *formats, "any ISO")
    ):
        left = np.flatnonzero(read.isna().to_numpy() & ~gone)
        if len(left):
            read.iloc[left] = in_format(texts.iloc[left], form).astype("datetime64[us, UTC]")
    return read, gone


def in_format(texts: "pd.Series[Any]", form: str) -> "pd.Series[Any]":
    """Return times written in one format; a count that nobody named is one if its digits are those of our days."""
    count, _, told = form.partition(" ")
    if count in COUNTED:
        unit, digits = _UNIX.get(count, ("D", 0))
        numbers = texts.where(texts.str.fullmatch(rf"\d{{{digits}}}(?:\.\d+)?")) if told else texts
        counts = pd.to_numeric(numbers.map(lambda text: str(text).replace(",", ".")), errors="coerce")
        origin = "1899-12-30" if count == "excel" else "unix"
        read: pd.Series[Any] = pd.to_datetime(counts, unit=unit, origin=origin, utc=True, errors="coerce")
        return read.dt.round("ms") if count == "excel" else read
    if form == _ISO:
        return pd.to_datetime(texts, format=_ISO, utc=True, errors="coerce")
    plainly = texts.map(characters.dated)
    written = _ISO if form == "any ISO" else characters.time_format(form)
    return pd.to_datetime(plainly, format=written, utc=True, errors="coerce")

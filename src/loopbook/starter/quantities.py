"""Columns of numbers: their unit, and the words among them that say that there is none."""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import characters, parsing
from loopbook.data.parsing import Notation
from loopbook.starter import marks
from loopbook.starter.form import Form
from loopbook.starter.notation import quoted

_REPEATED = 3  # times that a word stands among numbers, from which it says that there is none
_MANY = 20  # different numbers beside which such a word is no level of a scale
_LETTER = 0.5  # share of numbers without it, from which a letter behind the others tells them apart, such as 12a
_BARE = 0.02  # share of numbers without the unit of the others, from which it is said
_MOST_WORDS = 3
_AMOUNTS = 0.8  # share of a column's values that must be amounts before their units are spoken of
_LOOKED_AT = 5_000
_DUBIOUS = frozenset(
    (
        *("-", "--", "---", ".", "..", "...", "/", "\\", "*", "x", "nil", "none", "n.a.", "n.a", "n. a.", "n/d"),
        *("n.d.", "nd", "k.a.", "k. a.", "missing", "unknown", "unbekannt", "empty", "leer", "void", "not available"),
        *("not applicable", "not reported", "tba", "tbd", "#", "0000-00-00", "0000-00-00 00:00:00"),
    )
)
"""Words that mean "no value" among numbers and times; elsewhere they can be values."""

_CODES = (7, 8, 9, 77, 88, 99, 777, 888, 997, 998, 999, 7777, 8888, 9997, 9998, 9999, 99999, 999999)
"""What surveys, registers and loggers write for "no value", with or without a minus."""


@dataclass(frozen=True)
class Quantity:
    """A column read as numbers: float64 [n], NaN where there is none; `bad` where something else stands.

    `tokens` is what `CsvSource.missing` must say; None: what it means everywhere is right.
    """

    numbers: NDArray[np.float64]
    bad: NDArray[np.bool_]
    unit: str
    tokens: tuple[str, ...] | None
    doubt: str = ""


def read(written: list[str], counts: Counter[str], form: Form) -> Quantity:
    """Return a column as numbers, as far as its values are some."""
    unit, doubt, mixed = _unit(counts)
    notation = Notation(form.decimal, form.thousands, unit)
    series = pd.Series(written, dtype=object)
    numbers, bad = parsing.numbers(series, notation)
    if mixed:
        return Quantity(numbers, ~parsing.is_missing(written), "", None, doubt)
    tokens = words_for_none(written, bad, len(np.unique(numbers[~np.isnan(numbers)])) > _MANY)
    if codes := sorted({value for value, coded in zip(written, _codes_for_none(numbers), strict=True) if coded}):
        tokens = tuple(sorted({*codes, *(tokens or _usual(written))}))
        doubt = doubt or f"a column of numbers, and {', '.join(map(quoted, codes))} among them read as no value"
    if tokens:
        numbers, bad = parsing.numbers(series, Notation(form.decimal, form.thousands, unit, tokens))
    return Quantity(numbers, bad, unit, tokens, doubt)


def _codes_for_none(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say where a code such as -9 or 999 stands for no value: repeated, and far from all numbers that are no codes.

    Far is beyond them by their whole range; below 0, where no other number is, any code is far.
    """
    values, counts = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
    coded = np.isin(np.abs(values), _CODES)
    others = values[~coded]
    if len(others) < 2 or not coded.any():
        return np.zeros(len(numbers), dtype=bool)
    low, high = others[0], others[-1]
    for value in values[values > high]:  # of a scale from 4 to 9 no value is a code
        high = value if value - high <= 1 else high
    beyond = np.maximum(values - high, low - values) > high - low
    far = coded & (counts >= _REPEATED) & (beyond | ((values < 0) & (low >= 0)))
    return np.asarray(np.isin(numbers, values[far]))


def words_for_none(written: list[str], bad: NDArray[np.bool_], many: bool) -> tuple[str, ...] | None:
    """Return all words of a column that mean "no value", where the usual ones are not enough; None: they are.

    Parameters
    ----------
    written, bad
        The values, and which of them could not be read.
    many
        Whether so many different values could be read that a word among them is no level of a scale.
    """
    others = Counter(value for value, unread in zip(written, bad, strict=True) if unread)
    found = [value for value in others if characters.plain(value).casefold() in _DUBIOUS]
    repeated = [value for value, count in others.items() if count >= _REPEATED and not re.search(r"\d", value)]
    if many and len({*found, *repeated}) <= _MOST_WORDS:
        found = list({*found, *repeated})
    if not found:
        return None
    return tuple(sorted({*found, *_usual(written)}))


def _usual(written: list[str]) -> set[str]:
    return {value for value in written if value and value.casefold() in parsing.NOTHING | {"none"}}


def _unit(counts: Counter[str]) -> tuple[str, str, bool]:
    """Return the unit of most amounts, what to say about it, and whether there are two that cannot be compared."""
    step = max(1, len(counts) // _LOOKED_AT)
    values = dict(list(counts.items())[::step])
    units = marks.units(values)
    spelled, total = Counter({unit: units[unit] for unit in units if unit}), units.total()
    if not spelled or total < _AMOUNTS * sum(values.values()):
        return "", "", False
    unit, _ = spelled.most_common(1)[0]
    others = [other for other in spelled if other.casefold() != unit.casefold() and spelled[other] >= _BARE * total]
    if others:
        named = f"{quoted(unit)} and {quoted(others[0])}"
        return (
            "",
            f"a column of numbers in two units, {named}, which cannot be compared: convert them in the file",
            True,
        )
    bare = units[""] / total
    if bare >= _LETTER and len(unit) == 1 and unit.isalpha():
        return "", "", False
    says = f"a column of numbers, {bare:.0%} without {quoted(unit)} and taken in the same unit: please check"
    return unit, says if bare >= _BARE else "", False

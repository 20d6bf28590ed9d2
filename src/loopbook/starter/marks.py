"""Decimal mark, thousands separator and units of the numbers in a file, told from all its values together."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from loopbook.data import characters, parsing
from loopbook.data.parsing import Notation

Marks = tuple[str, str | None]

_MARKS: tuple[Marks, ...] = (
    *((".", None), (",", None), (",", "."), (",", " "), (".", ","), (".", " "), (".", "'"), (",", "'")),
)
_AMOUNTS = 0.5  # share of a column's values from which its numbers say something about the file's
_EXAMPLES = 5  # values that could be read in two ways, so that the other reading is shown
_CODES = frozenset(
    (
        *("usd", "eur", "gbp", "chf", "jpy", "cny", "rmb", "inr", "brl", "cad", "aud", "nzd", "sek", "nok", "dkk"),
        *("pln", "czk", "huf", "ron", "bgn", "try", "rub", "uah", "zar", "mxn", "ars", "clp", "cop", "krw", "hkd"),
        *("sgd", "twd", "thb", "idr", "myr", "php", "vnd", "aed", "sar", "ils", "egp", "ngn", "kes", "r$", "us$"),
        *("a$", "c$", "nz$", "hk$", "s$", "nt$", "kr", "kr.", "zł", "kč", "ft", "lei", "rs", "rs.", "rm", "rp", "tl"),
        *("руб", "руб.", "лв", "ден", "元", "円", "원", "euro"),
    )
)
"""Letters that are a currency wherever they stand; other letters are a unit only behind a number."""

_SHORT = frozenset(
    (
        *("kg", "g", "mg", "t", "lb", "oz", "km", "m", "cm", "mm", "mi", "ft", "in", "ml", "l", "ms", "s", "min"),
        *("h", "d", "kw", "kwh", "w", "v", "a", "mb", "gb", "kb", "hz", "ghz", "ha", "x", "pt", "px"),
    )
)
"""Units that are written without a space too."""

_UNIT = r"[^\d\s.,'()+\-#/:@&*\"_]{1,6}\.?"
_AMOUNT = re.compile(
    rf"[(+-]*\s*(?:(?P<before>{_UNIT})\s*)?[(+-]*(?P<core>\d[\d.,' ]*\d|\d|[.,]\d+)(?P<power>e[+-]?\d+)?"
    rf"(?P<space>\s*)-?(?P<after>{_UNIT})?\s*[)-]*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Doubt:
    """Something about a file that a person should look at, and how sure the guess is."""

    text: str
    sure: float
    key: str


def units(counts: Mapping[str, int]) -> Counter[str]:
    """Return how often each unit stands with the numbers among some values; '' for numbers without one."""
    found: Counter[str] = Counter()
    for value, count in counts.items():
        unit = _unit(value)
        if unit is not None:
            found[unit] += count
    return found


def _unit(value: str) -> str | None:
    """Return the unit of an amount, '' for a number without one; None: it is no amount."""
    found = _AMOUNT.fullmatch(characters.plain(value))
    if found is None:
        return None
    before, after = found["before"] or "", found["after"] or ""
    if before and after:
        return None
    unit = before or after
    stem = unit.rstrip("CFcf")  # of °C
    sign = stem and all(unicodedata.category(each) in ("Sc", "So") or each in "%‰°" for each in stem)
    behind = bool(after) and (bool(found["space"]) or after.casefold() in _SHORT)
    return unit if not unit or sign or unit.casefold() in _CODES or behind else None


def find(columns: dict[str, list[str]], delimiter: str) -> tuple[Marks, str, tuple[Doubt, ...]]:
    """Return decimal mark and thousands separator, the reason, and what can be read in two ways.

    The pair counts by which most values are numbers. Where two pairs read equally many, a value such as ``3.272``
    decides: beside whole numbers below a thousand, and none above, it is a group of digits.
    """
    amounts = {name: _cores(values) for name, values in columns.items()}
    amounts = {name: cores for name, cores in amounts.items() if cores}
    counts = {marks: sum(_reads(cores, marks) for cores in amounts.values()) for marks in _MARKS}
    best = max(_MARKS, key=lambda marks: counts[marks])
    rivals = [marks for marks in _MARKS if counts[marks] == counts[best]]
    two_ways = {name: _two_ways(cores) for name, cores in amounts.items()}
    doubts: list[Doubt] = []
    for name, (mark, grouped, example) in two_ways.items():
        if mark and (as_groups := next((marks for marks in rivals if marks[1] == mark), None)) is not None:
            decides = grouped or (delimiter == ";" and mark == ".") or (delimiter == "," and mark == ",")
            best = as_groups if decides else best
        if mark and (grouped or best[1] == mark) and mark in best:
            doubts.append(_doubt(name, example, mark, best, sure=0.45 if grouped else 0.2))
    return best, _reason(best, counts, amounts), tuple(doubts)


def _cores(values: Sequence[str]) -> list[str]:
    """Return the digits and marks of a column's amounts; nothing, where most values are something else."""
    known = [value for value in map(characters.plain, values) if value.casefold() not in parsing.NOTHING]
    found = [_AMOUNT.fullmatch(value) for value in known]
    cores = [match["core"] + (match["power"] or "") for match in found if match is not None]
    return cores if len(cores) >= _AMOUNTS * len(known) else []


def _reads(cores: list[str], marks: Marks) -> int:
    return int(np.isfinite(parsing.numbers(pd.Series(cores, dtype=object), Notation(*marks))[0]).sum())


def _two_ways(cores: list[str]) -> tuple[str, bool, str]:
    """Return the mark that a column has before three digits only, whether it must group them, and an example."""
    marked = [core for core in cores if not core.isdigit()]
    mark = marked[0].strip("0123456789")[:1] if marked else ""
    if mark not in (".", ",") or not all(re.fullmatch(rf"[1-9]\d{{0,2}}\{mark}\d{{3}}", core) for core in marked):
        return "", False, ""
    if len(marked) < _EXAMPLES or any(core.isdigit() and len(core) > 3 for core in cores):
        return "", False, ""
    whole = len(cores) - len(marked)
    return mark, whole > 0, marked[0]


def _doubt(name: str, example: str, mark: str, best: Marks, sure: float) -> Doubt:
    digits = example.replace(mark, "")
    small = example.replace(mark, ".")
    taken, other = (digits, small) if best[1] == mark else (small, digits)
    key = "thousands" if best[1] == mark else "decimal"
    return Doubt(f"please check: {example} in {name!r} is read as {taken}; it could also be {other}", sure, key)


def _reason(best: Marks, counts: dict[Marks, int], amounts: dict[str, list[str]]) -> str:
    plain, values = counts[(".", None)], sum(map(len, amounts.values()))
    if best == (".", None):
        return "no number with a decimal comma" if plain else "no numbers"
    more = counts[best] - plain
    if more:
        return f"{more:,} of {values:,} numbers looked at are numbers only when read so"
    return f"the mark stands before groups of three digits only, in {values:,} numbers looked at"

"""How a label column is read: as yes or no, as several classes, or as a number."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import labels, parsing
from loopbook.data.cleaning import shorten
from loopbook.scenario.errors import DataError
from loopbook.starter import words
from loopbook.starter.column import Column

Reading = Literal["binary", "multiclass", "ordinal", "number"]
READINGS: dict[Reading, str] = {
    "binary": "yes or no",
    "multiclass": "several classes",
    "ordinal": "classes in an order",
    "number": "a number",
}
"""Types of task that a column may be read as, and what they are called."""

MOST_VALUES = 200
"""Different values from which on a column has no classes."""

_MANY_VALUES = 10  # from which on one value is taken as yes, not all that sound like trouble
_CODES = 20  # different numbers up to which each may be a class, whatever they are
_GUESSED = 0.2  # how sure a meaning is that no word speaks for
_OFTEN = 3  # rows that a code has
_FEW = 20  # rows that a value needs to be worth predicting
_MOST_SHARE = 0.6  # of values that sound like trouble, taken together
_LEAKY = 3  # most frequent classes that a leak must tell
CLASSY = ("category", "number", "code")
"""Kinds of column that may hold classes."""


@dataclass(frozen=True)
class LabelGuess:
    """Column and meaning of the label.

    Attributes
    ----------
    column
        The column.
    task
        The type of task that it is read as.
    classes
        Names of all classes: what no and yes mean, or the values in their natural order, or the sides of the limit.
    codes
        Class of each row, int64 [n]; -1 where the label is missing.
    meaning
        Why it is read so.
    sure
        From 0 (somebody must look) to 1.
    which
        Why this column.
    rivals
        Other columns that could be the label, each with what is in it.
    others
        Other types of task that the column could be read as, each with what it would mean.
    positive, below
        Of yes or no, as in the scenario: the values that mean yes, or the rating below which a row is yes.
    limit
        Of a number: above it something is done.
    """

    column: Column
    task: Reading
    classes: tuple[str, ...]
    codes: NDArray[np.int64]
    meaning: str
    sure: float
    which: str = ""
    rivals: tuple[tuple[str, str], ...] = ()
    others: tuple[tuple[Reading, str], ...] = ()
    positive: tuple[str, ...] = ()
    below: float | None = None
    limit: float = 0.0

    @property
    def names(self) -> tuple[str, str]:
        """What no and yes mean."""
        return self.classes[0], self.classes[1]

    @property
    def truth(self) -> NDArray[np.bool_]:
        """Who is yes; bool [n]. False where the label is missing."""
        return np.asarray(self.codes == 1, dtype=bool)

    @cached_property
    def counts(self) -> Counter[int]:
        """Rows of each class."""
        return Counter(self.codes[self.codes >= 0].tolist())

    @property
    def rate(self) -> float:
        """Share of yes among the rows that have a label."""
        return self.counts[1] / max(1, self.counts.total())

    @property
    def often(self) -> tuple[str, float]:
        """The most frequent class and its share."""
        code, count = max(self.counts.items(), key=lambda item: (item[1], -item[0]))
        return self.classes[code], count / self.counts.total()

    @property
    def told(self) -> list[NDArray[np.bool_]]:
        """What a column that gives the label away must tell: yes, each frequent class, the upper parts of a number."""
        if self.task == "number" and self.column.numbers is not None:
            known = np.nan_to_num(self.column.numbers, nan=-np.inf)
            return [known > level for level in np.nanquantile(self.column.numbers, [0.5, 0.75])]
        common = [code for code, _ in self.counts.most_common(_LEAKY)]
        return [self.truth] if len(self.classes) == 2 else [np.asarray(self.codes == code) for code in common]


def shown(column: Column, most: int = 4) -> str:
    """Return a column's most frequent values with their shares, masked and short."""
    if column.personal:
        return f"{column.distinct:,} values that name persons"
    top = spellings(column).most_common(most)
    listed = ", ".join(f"{shorten(value, 30)!r} {_percent(count / column.known)}" for value, count in top)
    more = len(spellings(column)) - len(top)
    return listed + (f" and {more:,} more" if more > 0 else "")


def _percent(share: float) -> str:
    return f"{share:.0%}" if share in (0, 1) or 0.005 <= share < 0.995 else f"{share:.2%}"


def lists(column: Column) -> str:
    """Return an example of a column whose values are lists of some parts, such as ``a|b``; nothing for another."""
    parted = {value: re.split(r"[|;,]\s*|><", value) for value in column.counts if column.numbers is None}
    several = [value for value, parts in parted.items() if len(parts) > 1]
    parts = {part for value in several for part in parted[value]}
    return several[0] if len(several) > max(len(parts), len(parted) // 3) else ""


def spellings(column: Column) -> Counter[str]:
    """Return the known values by their most frequent spelling: case does not count in labels."""
    folded: dict[str, Counter[str]] = {}
    for value, count in column.counts.items():
        folded.setdefault(parsing.level(value), Counter())[value] += count
    return Counter({each.most_common(1)[0][0]: each.total() for each in folded.values()})


def coded(column: Column) -> bool:
    """Say whether the numbers are codes of classes: from -1, 0 or 1 on, every whole number, each of several rows."""
    if column.numbers is None:
        return False
    known, counts = np.unique(column.numbers[~np.isnan(column.numbers)], return_counts=True)
    whole = len(known) <= MOST_VALUES and np.array_equal(known, np.arange(len(known)) + np.clip(known[0], -1, 1))
    return bool(whole and len(known) > 2 and np.median(counts) >= _OFTEN)


def few(column: Column) -> bool:
    """Say whether the values are few and repeat, as those of classes do."""
    return column.kind in CLASSY and 2 <= len(spellings(column)) <= min(MOST_VALUES, column.known // 3)


def no_number(column: Column) -> str:
    """Return what to do about a column that holds amounts and cannot be read as numbers; nothing for another one."""
    example = next((value for value in column.counts if parsing.numbers(pd.Series([value]))[1][0]), "")
    if column.numbers is not None or not re.search(r"\d", example):
        return ""
    remedy = "write all values in one unit, as plain numbers with the decimal mark of the file's other columns"
    return f" {shorten(example, 30)!r} is not read as a number: {column.doubt or remedy}."


def readings(column: Column) -> tuple[Reading, ...]:
    """Return the types of task that a label column can be read as."""
    count = len(spellings(column))
    several = count >= 3 and few(column) and (column.numbers is None or count <= _CODES or coded(column))
    found: dict[Reading, bool] = {
        "binary": count <= MOST_VALUES or column.numbers is not None,
        "multiclass": several,
        "ordinal": several and column.numbers is not None,  # the order of words is nobody's guess
        "number": column.numbers is not None and count >= 3,
    }
    return tuple(reading for reading, holds in found.items() if holds)


def _usual(column: Column) -> tuple[Reading, str]:
    """Return the type of task that a column speaks for, and why, where another would do as well."""
    values, possible = spellings(column), readings(column)
    if len(values) == 2 or (column.numbers is not None and words.heard(column.name, words.RATING)):
        return "binary", ""
    kinds = words.heard(column.name, words.KINDS)
    if "multiclass" in possible and kinds and column.numbers is None:
        return "multiclass", f"{kinds!r} in its name says that each value is a class"
    spoken = len(values) <= _CODES and _several(values, column)[2] > _GUESSED
    if "multiclass" in possible and coded(column):
        return "multiclass", "every whole number between the first and the last is there, so they are taken as codes"
    if column.numbers is not None and not spoken:
        return "number", f"{len(values):,} different numbers"
    if "multiclass" in possible and column.numbers is None and (not spoken or len(values) > _MANY_VALUES):
        return "multiclass", f"{len(values)} values, which one yes or no cannot tell apart"
    return "binary", ""


def read(column: Column, task: Reading | None = None) -> LabelGuess:
    """Return a label column read as a type of task, and the others that it could be read as.

    Parameters
    ----------
    task
        What to read it as; None: what the column speaks for.

    Raises
    ------
    DataError
        If it cannot be read so.
    """
    possible, (usual, why) = readings(column), _usual(column)
    if task is not None and task not in possible:
        listed = " or ".join(f"{READINGS[each]} ({each})" for each in possible)
        raise DataError(
            f"The column {column.name!r} cannot be read as {READINGS[task]}: it has {len(spellings(column)):,} "
            f"different values, such as {shown(column, 2)}. It can be read as {listed}."
            + (no_number(column) if task == "number" else "")
        )
    chosen, why = (usual, why) if task is None else (task, "chosen by you")
    found = _READERS[chosen](column)
    others = tuple((other, _READERS[other](column).meaning) for other in possible if other != chosen)
    return replace(found, meaning=f"{found.meaning} ({why})" if why else found.meaning, others=others)


def _multiclass(column: Column) -> LabelGuess:
    """Return a label of which every value is a class."""
    values = spellings(column)
    classes = tuple(sorted(values, key=labels.natural))
    place = {parsing.level(value): code for code, value in enumerate(classes)}
    known = zip(column.values, column.missing.tolist(), strict=True)
    codes = np.array([-1 if gone else place[parsing.level(value)] for value, gone in known], dtype=np.int64)
    rare = sum(count < _FEW for count in values.values())
    meaning = f"{len(values)} classes: {shown(column)}" + (f"; {rare} have fewer than {_FEW} rows" if rare else "")
    return LabelGuess(column, "multiclass", classes, codes, meaning, 0.6)


def _ordinal(column: Column) -> LabelGuess:
    """Return a label of which every number is a class, in their order."""
    found = _multiclass(column)
    order = f"from {found.classes[0]} up to {found.classes[-1]}, where a near miss is a small mistake"
    return replace(found, task="ordinal", meaning=f"{found.meaning}; {order}")


def _quantity(column: Column) -> LabelGuess:
    """Return a label that is a number, with the limit above which something is done: about its upper quartile."""
    assert column.numbers is not None
    known = column.numbers[~np.isnan(column.numbers)]
    upper = float(np.quantile(known, 0.75))
    rounded = [float(f"{upper:.{digits}g}") for digits in (1, 2, 3)]
    tried = [*rounded, upper, float(np.median(known)), float(known.min())]
    limit = next(level for level in tried if 0.02 <= (known > level).mean() <= 0.6 or level == tried[-1])
    rate = float((known > limit).mean())
    unit = f" {column.unit}" if column.unit else ""
    low, high = known.min(), known.max()
    meaning = (
        f"a number from {low:g} to {high:g}{unit}; something is done above {limit:g}, which {rate:.0%} are: an "
        "assumption, please check"
    )
    classes = (f"up to {limit:g}{unit}", f"above {limit:g}{unit}")
    codes = np.where(np.isnan(column.numbers), -1, column.numbers > limit).astype(np.int64)
    return LabelGuess(column, "number", classes, codes, meaning, 0.4, limit=limit)


def _binary(column: Column) -> LabelGuess:
    """Return a label with the values that mean yes."""
    values = spellings(column)
    rated = len(values) > 2 and bool(words.heard(column.name, words.RATING))
    if column.kind == "number" and (rated or (len(values) > _CODES and not coded(column))):
        return _rating(column)
    meant, meaning, certain = _two(values, column) if len(values) == 2 else _several(values, column)
    folded = {parsing.level(value) for value in meant}
    truth = np.array([parsing.level(value) in folded for value in column.values], dtype=bool) & ~column.missing
    if not 0 < truth.sum() < column.known:
        raise DataError(f"The column {column.name!r} has one class only: there is nothing to predict.")
    names = _names(column, values, meant)
    codes = np.where(column.missing, -1, truth).astype(np.int64)
    return LabelGuess(column, "binary", names, codes, meaning, certain, positive=meant)


def _rating(column: Column) -> LabelGuess:
    assert column.numbers is not None
    known = column.numbers[~np.isnan(column.numbers)]
    low, high = float(known.min()), float(known.max())
    scale = len(column.counts) <= 20 or bool(words.heard(column.name, words.RATING))
    middle = 0.0 if low < 0 < high else (low + high) / 2
    below = float(f"{middle if scale else float(np.median(known)):.3g}")
    rate = float((known < below).mean())
    if not 0.02 <= rate <= 0.98:
        below = float(f"{float(np.quantile(known, 0.25)):.6g}")
        rate = float((known < below).mean())
    if not 0 < rate < 1:  # more than a quarter of the rows have the least value
        below = float(known[known > low].min())
        rate = float((known < below).mean())
    what = "the middle of the scale" if below == middle and scale else "a value that parts the rows"
    meaning = f"runs from {low:g} to {high:g}; below {below:g}, {what}, is taken as yes ({rate:.0%}): please check"
    title = shorten(column.name, 20) or "value"
    names = (f"{title} from {below:g}", f"{title} below {below:g}")
    codes = np.where(np.isnan(column.numbers), -1, column.numbers < below).astype(np.int64)
    return LabelGuess(column, "binary", names, codes, meaning, 0.4, below=below)


def _two(values: Counter[str], column: Column) -> tuple[tuple[str, ...], str, float]:
    """Return which of two values means yes, what says so, and how surely."""
    yes, no = ([value for value in values if parsing.level(value) in said] for said in (words.YES, words.NO))
    found, lost = ([value for value in values if value.casefold() in said] for said in (words.POSITIVE, words.NEGATIVE))
    if found and lost and found != lost:
        return _signed(found[0], lost[0], column)
    trouble = [value for value in values if words.heard(value, words.TROUBLE)]
    says_yes, coded = "{!r} says yes", {*map(parsing.level, values)} == {"1", "2"}
    rare = "rarer of two codes" if coded else "rarer one"
    meant, why, sure = next(
        (found[0], why, sure)
        for found, why, sure in (
            (yes if len(no) == 1 else [], says_yes, 1.0),
            (trouble, "{!r} sounds like trouble and is taken as yes", 0.8),
            ([] if coded else yes, says_yes, 0.9),
            ([values.most_common()[-1][0]], f"the {rare} is taken as yes: please check", 0.4),
        )
        if len(found) == 1
    )
    return (meant,), f"2 values: {shown(column)}; {why.format(shorten(meant, 30))}", sure


def _signed(positive: str, negative: str, column: Column) -> tuple[tuple[str, ...], str, float]:
    """Return which of positive and negative means yes: of a finding the first, of a feeling the second."""
    tested, felt = words.heard(column.name, words.TESTED), words.heard(column.name, words.FELT)
    head = f"2 values: {shown(column)}; "
    if bool(tested) != bool(felt):
        meant, what = (positive, "a finding") if tested else (negative, "trouble")
        return (meant,), f"{head}{meant!r} is {what}, as {tested or felt!r} in the column's name says", 0.9
    why = "please check first: of a test positive would be yes, of an opinion negative, and the name does not say which"
    return (positive,), f"{head}{positive!r} is taken as yes; {why}", 0.1


def _several(values: Counter[str], column: Column) -> tuple[tuple[str, ...], str, float]:
    head, many = f"{len(values)} values: {shown(column)}", len(values) > _MANY_VALUES
    findings = [value for value in values if value.casefold() in words.POSITIVE]
    if findings and words.heard(column.name, words.TESTED) and not words.heard(column.name, words.FELT):
        return tuple(findings), f"{head}; {findings[0]!r} is a finding: yes against the rest; please check", 0.3
    trouble = [value for value, _ in values.most_common() if words.heard(value, words.TROUBLE)][: 1 if many else None]
    share = sum(values[value] for value in trouble) / values.total()
    if (
        trouble
        and share <= (_MOST_SHARE if len(trouble) > 1 else 1)
        and sum(values[value] for value in trouble) >= min(_FEW, 0.02 * column.known)
    ):
        what = f"{len(trouble)} that sound" if len(trouble) > 1 else f"{shorten(trouble[0], 30)!r} sounds"
        more = "; a row is yes or no here, so begin with one value, or list those that belong together" if many else ""
        return (
            tuple(trouble),
            f"{head}; {what} like trouble: yes ({share:.1%}) against the rest{more}; please check",
            0.3,
        )
    usual, *others = (value for value, _ in values.most_common())
    if {value for value in values if parsing.level(value) in words.NO} == {usual} and not many:
        return tuple(others), f"{head}; {usual!r} says no, so all others are yes; please check", 0.3
    enough = [value for value, count in values.most_common() if count >= max(_FEW, 0.02 * column.known)]
    chosen = enough[-1] if enough else values.most_common(1)[0][0]
    what = "the rarest with enough rows" if enough else "the most frequent, as all are rare,"
    return (chosen,), f"{head}; {shorten(chosen, 30)!r}, {what} is yes against the rest: please check", _GUESSED


def _names(column: Column, values: Counter[str], meant: tuple[str, ...]) -> tuple[str, str]:
    title = shorten(column.name, 24) or "label"
    if len(values) == 2:
        other = next(value for value in values if value not in meant)
        if {other.casefold(), meant[0].casefold()} <= words.YES | words.NO:
            return f"not {title}", title
        names = (shorten(other, 28), shorten(meant[0], 28))
    elif len(rest := [value for value in values if value not in meant]) == 1:
        names = (shorten(rest[0], 24), f"not {shorten(rest[0], 24)}")
    else:
        names = ("other", shorten(meant[0], 28) if len(meant) == 1 else f"trouble in {title}")
    return names if all(names) and names[0] != names[1] else ("no", "yes")


_READERS: dict[Reading, Callable[[Column], LabelGuess]] = {
    "binary": _binary,
    "multiclass": _multiclass,
    "ordinal": _ordinal,
    "number": _quantity,
}

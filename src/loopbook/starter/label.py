"""The label: which column is worth predicting, and which of its values mean yes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopbook.data import parsing
from loopbook.data.cleaning import shorten
from loopbook.scenario.errors import DataError, refuse, suggest
from loopbook.starter import words
from loopbook.starter.column import Column

REMEDY = "Name the label: --label COLUMN, or LABEL=COLUMN with make."

_PLAUSIBLE = 2.5  # points from which a column is taken for a label
_CLOSE = 1.5  # points within which another column is a rival
_MOST_VALUES = 100
_MANY_VALUES = 10  # from which on one value is taken as yes, not all that sound like trouble
_FEW = 20  # rows that a value needs to be worth predicting
_MOST_SHARE = 0.6  # of values that sound like trouble, taken together


@dataclass(frozen=True)
class LabelGuess:
    """Column and meaning of the label.

    Attributes
    ----------
    column
        The column.
    positive, below
        As in the scenario: the values that mean yes, or the rating below which a row is yes.
    names
        What no and yes mean, for people.
    truth
        Who is yes; bool [n]. False where the label is missing.
    which, meaning
        Why this column, and why these values.
    sure
        From 0 (somebody must look) to 1.
    rivals
        Other columns that could be the label, each with what is in it.
    """

    column: Column
    positive: tuple[str, ...]
    below: float | None
    names: tuple[str, str]
    truth: NDArray[np.bool_]
    which: str
    meaning: str
    sure: float
    rivals: tuple[tuple[str, str], ...] = ()

    @property
    def rate(self) -> float:
        """Share of yes among the rows that have a label."""
        return float(self.truth.sum()) / max(1, self.column.known)


def guess(columns: Sequence[Column], given: str | None, name: str) -> LabelGuess:
    """Return the label of a table.

    Parameters
    ----------
    columns
        All columns in their order.
    given
        The column that the user names; None: it is guessed.
    name
        The file's name for messages.

    Raises
    ------
    DataError
        If the column named is not there or cannot be a label, or if none is plausible.
    """
    if given is not None:
        chosen = next((column for column in columns if column.name == given), None)
        if chosen is None:
            raise DataError(f"{name} has no column {given!r}.{suggest(given, [each.name for each in columns])}")
        unique = chosen.distinct > min(_MOST_VALUES, chosen.known // 3)
        refuse(
            DataError,
            (
                chosen.distinct < 2,
                f"The column {given!r} has {chosen.distinct} different values: there is nothing to predict.",
            ),
            (
                chosen.kind == "time" or (unique and chosen.numbers is None),
                f"The column {given!r} has {chosen.distinct:,} different values. A label has a few that repeat "
                "(yes and no, good and bad, a category) or is a number.",
            ),
        )
        return _meaning(chosen, "named by you", 1.0, ())
    possible = [(column, _points(column, columns)) for column in columns if _can_be_label(column)]
    ranked = sorted(((column, *found) for column, found in possible), key=lambda found: -found[1])
    if not ranked or ranked[0][1] < _PLAUSIBLE:
        near = ", ".join(f"{column.name!r} ({shown(column)})" for column, *_ in ranked[:3])
        raise DataError(
            f"{name}: no column looks like a label, the thing to predict (a few values that repeat, such as yes and "
            f"no, or a rating).{f' Nearest: {near}.' if near else ''} {_series(columns)}{REMEDY}"
        )
    best, score, why = ranked[0]
    gap = score - ranked[1][1] if len(ranked) > 1 else 2 * _CLOSE
    sure = min(1.0, 0.3 + 0.25 * max(0.0, gap))
    close = (column for column, points, _ in ranked[1:4] if points > score - 2 * _CLOSE)
    return _meaning(best, why, sure, tuple((column.name, shown(column)) for column in close))


def _series(columns: Sequence[Column]) -> str:
    """Return what can be done with a file of a time and numbers; nothing for another file."""
    kinds = {column.kind for column in columns} - {"empty", "constant"}
    if kinds != {"time", "number"}:
        return ""
    return (
        "It holds only a time and numbers. Loopbook neither forecasts nor looks for what is unusual: it learns from "
        "a column that says of each row what is to be found, such as 1 for a fault and 0 for none. Add one. "
    )


def shown(column: Column, most: int = 4) -> str:
    """Return a column's most frequent values with their shares, masked and short."""
    if column.personal:
        return f"{column.distinct:,} values that name persons"
    top = spellings(column).most_common(most)
    listed = ", ".join(f"{shorten(value, 30)!r} {count / column.known:.0%}" for value, count in top)
    more = len(spellings(column)) - len(top)
    return listed + (f" and {more:,} more" if more > 0 else "")


def spellings(column: Column) -> Counter[str]:
    """Return the known values by their most frequent spelling: case does not count in labels."""
    folded: dict[str, Counter[str]] = {}
    for value, count in column.counts.items():
        folded.setdefault(parsing.level(value), Counter())[value] += count
    return Counter({each.most_common(1)[0][0]: each.total() for each in folded.values()})


def _can_be_label(column: Column) -> bool:
    """Say whether a column has few values that repeat, or is a rating."""
    values = spellings(column)
    rating = column.kind == "number" and bool(words.heard(column.name, words.RATING))
    few = 2 <= len(values) <= _MOST_VALUES and column.known >= 3 * len(values)
    if column.kind in ("empty", "constant", "time", "text") or not (rating or few) or column.missing_share > 0.5:
        return False
    return column.kind != "number" or len(values) <= 2 or rating or bool(words.heard(column.name, words.LABEL))


_NAMES = ((words.LABEL, 4.0), (words.TROUBLE, 3.0), (words.RATING, 2.0), (words.LABEL_LIKE, 1.5))
"""Words of a name that speak for a label, and how much; the first that is heard counts."""


def _points(column: Column, columns: Sequence[Column]) -> tuple[float, str]:
    """Return how much speaks for a column as the label, and what."""
    values = spellings(column)
    count, two = len(values), len(values) == 2
    rating = column.kind == "number" and bool(words.heard(column.name, words.RATING))
    named = next(((word, points) for among, points in _NAMES if (word := words.heard(column.name, among))), ("", 0.0))
    trouble = [value for value in values if words.heard(value, words.TROUBLE)]
    only = sum(other.kind in ("category", "number") and 2 <= len(spellings(other)) <= _MOST_VALUES for other in columns)
    alone = only == 1 or (rating and sum(map(_can_be_label, columns)) == 1)
    spoken = [
        (bool(named[0]), named[1], f"its name says {named[0]!r}"),
        (two, 2.0, "two values"),
        (two and all(parsing.level(value) in words.YES | words.NO for value in values), 1.0, "that say yes and no"),
        (2 < count <= 10, 0.5, f"{count} values"),
        (count > 10, -1.5 if count > 20 and not rating else -0.5, ""),
        (bool(trouble) and count <= 10, 2.0, f"{shorten(''.join(trouble[:1]), 30)!r} sounds like trouble"),
        (column is columns[-1], 1.5, "it stands last"),
        (alone, 2.0, "no other column could be one"),
        (bool(words.protected(column.name) or column.personal), -3.0, ""),
        (two and min(values.values()) < 0.01 * column.known, -1.5, ""),
        (column.missing_share > 0.1, -1.0, ""),
    ]
    why = ", ".join(reason for holds, _, reason in spoken if holds and reason)
    return sum(points for holds, points, _ in spoken if holds), why


def _meaning(column: Column, which: str, sure: float, rivals: tuple[tuple[str, str], ...]) -> LabelGuess:
    """Return a label with the values that mean yes."""
    values = spellings(column)
    number = column.kind == "number"
    if number and (len(values) > 20 or (len(values) > 2 and words.heard(column.name, words.RATING))):
        return _rating(column, which, sure, rivals)
    meant, meaning, certain = _two(values, column) if len(values) == 2 else _several(values, column)
    folded = {parsing.level(value) for value in meant}
    truth = np.array([parsing.level(value) in folded for value in column.values], dtype=bool) & ~column.missing
    if not 0 < truth.sum() < column.known:
        raise DataError(f"The column {column.name!r} has one class only: there is nothing to predict.")
    names = _names(column, values, meant)
    return LabelGuess(column, meant, None, names, truth, which, meaning, min(sure, certain), rivals)


def _rating(column: Column, which: str, sure: float, rivals: tuple[tuple[str, str], ...]) -> LabelGuess:
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
    if not 0 < rate < 1:
        raise DataError(f"The numbers of {column.name!r} cannot be parted in two: there is nothing to predict.")
    what = "the middle of the scale" if below == middle and scale else "a value that parts the rows"
    meaning = f"runs from {low:g} to {high:g}; below {below:g}, {what}, is taken as yes ({rate:.0%}): please check"
    title = shorten(column.name, 20) or "value"
    names = (f"{title} from {below:g}", f"{title} below {below:g}")
    truth = np.nan_to_num(column.numbers, nan=np.inf) < below
    return LabelGuess(column, (), below, names, truth, which, meaning, min(sure, 0.4), rivals)


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
    return (chosen,), f"{head}; {shorten(chosen, 30)!r}, {what} is yes against the rest: please check", 0.2


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

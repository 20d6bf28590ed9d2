"""The label: which column is worth predicting, as what type of task, and how its values are read."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from loopbook.data import labels, parsing
from loopbook.data.cleaning import shorten
from loopbook.scenario.errors import DataError, refuse, suggest
from loopbook.starter import words
from loopbook.starter.column import Column

REMEDY = "Name the label: --label COLUMN, or LABEL=COLUMN with make."

_PLAUSIBLE = 2.5  # points from which a column is taken for a label
_ALONE = 0.5  # points that suffice where no other column could be one
_CLOSE = 1.5  # points within which another column is a rival
_MOST_VALUES = 200
_MANY_VALUES = 10  # from which on one value is taken as yes, not all that sound like trouble
_CODES = 20  # different numbers up to which each may be a class, whatever they are
_MANY_OF = ("category", "number", "code")  # kinds of column that may hold classes
_GUESSED = 0.2  # how sure a meaning is that no word speaks for
_OFTEN = 3  # rows that a code has
_FEW = 20  # rows that a value needs to be worth predicting
_MOST_SHARE = 0.6  # of values that sound like trouble, taken together


Reading = Literal["binary", "multiclass", "number"]
READINGS: dict[Reading, str] = {"binary": "yes or no", "multiclass": "several classes", "number": "a number"}
"""Types of task that a column may be read as, and what they are called."""

_LEAKY = 3  # most frequent classes that a leak must tell


@dataclass(frozen=True)
class LabelGuess:
    """Column and meaning of the label.

    Attributes
    ----------
    column
        The column.
    task
        The type of task that it is read as.
    positive, below
        Of yes or no, as in the scenario: the values that mean yes, or the rating below which a row is yes.
    limit
        Of a number: above it something is done.
    classes
        Names of all classes: what no and yes mean, or the values in their natural order, or the sides of the limit.
    codes
        Class of each row, int64 [n]; -1 where the label is missing.
    which, meaning
        Why this column, and why it is read so.
    sure
        From 0 (somebody must look) to 1.
    rivals
        Other columns that could be the label, each with what is in it.
    others
        Other types of task that the column could be read as, each with what it would mean.
    """

    column: Column
    task: Reading
    positive: tuple[str, ...]
    below: float | None
    limit: float
    classes: tuple[str, ...]
    codes: NDArray[np.int64]
    which: str
    meaning: str
    sure: float
    rivals: tuple[tuple[str, str], ...] = ()
    others: tuple[tuple[Reading, str], ...] = ()

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


def guess(columns: Sequence[Column], given: str | None, name: str, task: Reading | None = None) -> LabelGuess:
    """Return the label of a table.

    Parameters
    ----------
    columns
        All columns in their order.
    given
        The column that the user names; None: it is guessed.
    name
        The file's name for messages.
    task
        What to read it as; None: it is guessed.

    Raises
    ------
    DataError
        If the column named is not there or cannot be a label, or not of this type, or if none is plausible.
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
                chosen.kind == "time",
                f"The column {given!r} holds times. A date is no label; it can say when a row came in. {REMEDY}",
            ),
            (
                unique and chosen.numbers is None,
                f"The column {given!r} has {chosen.distinct:,} different values. A label has a few that repeat "
                "(yes and no, good and bad, a category) or is a number.",
            ),
        )
        return _meaning(chosen, "named by you", 1.0, (), task)
    possible = [(column, _points(column, columns)) for column in columns if _can_be_label(column)]
    ranked = sorted(((column, *found) for column, found in possible), key=lambda found: -found[1])
    if not ranked or ranked[0][1] < (_PLAUSIBLE if len(ranked) > 1 else _ALONE):
        near = ", ".join(f"{column.name!r} ({shown(column)})" for column, *_ in ranked[:3])
        raise DataError(
            f"{name}: no column looks like a label, the thing to predict (a few values that repeat, such as yes and "
            f"no, or a rating).{f' Nearest: {near}.' if near else ''} {_series(columns)}{REMEDY}"
        )
    best, score, why = ranked[0]
    gap = score - ranked[1][1] if len(ranked) > 1 else 2 * _CLOSE
    sure = min(1.0, 0.3 + 0.25 * max(0.0, gap))
    close = (column for column, points, _ in ranked[1:4] if points > score - 2 * _CLOSE)
    return _meaning(best, why, sure, tuple((column.name, shown(column)) for column in close), task)


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
    """Say whether a column has few values that repeat, or is a rating, or a number that is called a label."""
    values = spellings(column)
    rating = column.kind == "number" and bool(words.heard(column.name, words.RATING))
    few = 2 <= len(values) <= _MOST_VALUES and column.known >= 3 * len(values)
    named = bool(words.heard(column.name, words.LABEL))
    known = rating or few or (named and column.kind == "number")
    if column.kind in ("empty", "constant", "time", "text") or not known or column.missing_share > 0.5:
        return False
    return column.kind != "number" or len(values) <= 2 or rating or named or _coded(column)


_NAMES = ((words.LABEL, 4.0), (words.TROUBLE, 3.0), (words.RATING, 2.0), (words.LABEL_LIKE, 1.5))
"""Words of a name that speak for a label, and how much; the first that is heard counts."""


def _points(column: Column, columns: Sequence[Column]) -> tuple[float, str]:
    """Return how much speaks for a column as the label, and what."""
    values = spellings(column)
    count, two = len(values), len(values) == 2
    rating = column.kind == "number" and bool(words.heard(column.name, words.RATING))
    named = next(((word, points) for among, points in _NAMES if (word := words.heard(column.name, among))), ("", 0.0))
    trouble = [value for value in values if words.heard(value, words.TROUBLE)]
    only = sum(other.kind in _MANY_OF and 2 <= len(spellings(other)) <= _MOST_VALUES for other in columns)
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


def _coded(column: Column) -> bool:
    """Say whether the numbers are codes of classes: from -1, 0 or 1 on, every whole number, each of several rows."""
    if column.numbers is None:
        return False
    known, counts = np.unique(column.numbers[~np.isnan(column.numbers)], return_counts=True)
    whole = len(known) <= _MOST_VALUES and np.array_equal(known, np.arange(len(known)) + np.clip(known[0], -1, 1))
    return bool(whole and len(known) > 2 and np.median(counts) >= _OFTEN)


def few(column: Column) -> bool:
    """Say whether the values are few and repeat, as those of classes do."""
    return column.kind in _MANY_OF and 2 <= len(spellings(column)) <= min(_MOST_VALUES, column.known // 3)


def readings(column: Column) -> tuple[Reading, ...]:
    """Return the types of task that a label column can be read as."""
    count = len(spellings(column))
    found: dict[Reading, bool] = {
        "binary": count <= _MOST_VALUES or column.numbers is not None,
        "multiclass": count >= 3 and few(column) and (column.numbers is None or count <= _CODES or _coded(column)),
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
    if "multiclass" in possible and _coded(column):
        return "multiclass", "every whole number between the first and the last is there, so they are taken as codes"
    if column.numbers is not None and not spoken:
        return "number", f"{len(values):,} different numbers"
    if "multiclass" in possible and column.numbers is None and (not spoken or len(values) > _MANY_VALUES):
        return "multiclass", f"{len(values)} values, which one yes or no cannot tell apart"
    return "binary", ""


def _meaning(
    column: Column, which: str, sure: float, rivals: tuple[tuple[str, str], ...], task: Reading | None
) -> LabelGuess:
    """Return a label read as a type of task, and the others that it could be read as."""
    possible, (usual, why) = readings(column), _usual(column)
    if task is not None and task not in possible:
        listed = " or ".join(f"{READINGS[each]} ({each})" for each in possible)
        raise DataError(
            f"The column {column.name!r} cannot be read as {READINGS[task]}: it has {len(spellings(column)):,} "
            f"different values, such as {shown(column, 2)}. It can be read as {listed}."
        )
    read = {"binary": _binary, "multiclass": _multiclass, "number": _quantity}
    chosen: Reading = task or usual
    found = read[chosen](column, which, sure, rivals)
    why = "chosen by you" if task is not None else why
    others = tuple((other, read[other](column, "", 1.0, ()).meaning) for other in possible if other != chosen)
    return replace(found, meaning=f"{found.meaning} ({why})" if why else found.meaning, others=others)


def _multiclass(column: Column, which: str, sure: float, rivals: tuple[tuple[str, str], ...]) -> LabelGuess:
    """Return a label of which every value is a class."""
    values = spellings(column)
    classes = tuple(sorted(values, key=labels.natural))
    place = {parsing.level(value): code for code, value in enumerate(classes)}
    known = zip(column.values, column.missing.tolist(), strict=True)
    codes = np.array([-1 if gone else place[parsing.level(value)] for value, gone in known], dtype=np.int64)
    rare = sum(count < _FEW for count in values.values())
    meaning = f"{len(values)} classes: {shown(column)}" + (f"; {rare} have fewer than {_FEW} rows" if rare else "")
    return LabelGuess(column, "multiclass", (), None, 0.0, classes, codes, which, meaning, min(sure, 0.6), rivals)


def _quantity(column: Column, which: str, sure: float, rivals: tuple[tuple[str, str], ...]) -> LabelGuess:
    """Return a label that is a number, with the limit above which something is done: about its upper quartile."""
    assert column.numbers is not None
    known = column.numbers[~np.isnan(column.numbers)]
    upper = float(np.quantile(known, 0.75))
    tried = [float(f"{upper:.{digits}g}") for digits in (1, 2, 3)] + [
        upper,
        float(np.median(known)),
        float(known.min()),
    ]
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
    return LabelGuess(column, "number", (), None, limit, classes, codes, which, meaning, min(sure, 0.4), rivals)


def _binary(column: Column, which: str, sure: float, rivals: tuple[tuple[str, str], ...]) -> LabelGuess:
    """Return a label with the values that mean yes."""
    values = spellings(column)
    rated = len(values) > 2 and bool(words.heard(column.name, words.RATING))
    if column.kind == "number" and (rated or (len(values) > _CODES and not _coded(column))):
        return _rating(column, which, sure, rivals)
    meant, meaning, certain = _two(values, column) if len(values) == 2 else _several(values, column)
    folded = {parsing.level(value) for value in meant}
    truth = np.array([parsing.level(value) in folded for value in column.values], dtype=bool) & ~column.missing
    if not 0 < truth.sum() < column.known:
        raise DataError(f"The column {column.name!r} has one class only: there is nothing to predict.")
    names = _names(column, values, meant)
    codes = np.where(column.missing, -1, truth).astype(np.int64)
    return LabelGuess(column, "binary", meant, None, 0.0, names, codes, which, meaning, min(sure, certain), rivals)


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
    if not 0 < rate < 1:  # more than a quarter of the rows have the least value
        below = float(known[known > low].min())
        rate = float((known < below).mean())
    what = "the middle of the scale" if below == middle and scale else "a value that parts the rows"
    meaning = f"runs from {low:g} to {high:g}; below {below:g}, {what}, is taken as yes ({rate:.0%}): please check"
    title = shorten(column.name, 20) or "value"
    names = (f"{title} from {below:g}", f"{title} below {below:g}")
    codes = np.where(np.isnan(column.numbers), -1, column.numbers < below).astype(np.int64)
    return LabelGuess(column, "binary", (), below, 0.0, names, codes, which, meaning, min(sure, 0.4), rivals)


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

"""The label: which column is worth predicting."""

from collections.abc import Sequence
from dataclasses import replace

from loopbook.data import parsing
from loopbook.data.cleaning import shorten
from loopbook.scenario.errors import DataError, refuse, suggest
from loopbook.starter import words
from loopbook.starter.column import Column
from loopbook.starter.label_types import (
    CLASSY,
    MOST_VALUES,
    LabelGuess,
    Reading,
    coded,
    no_number,
    read,
    shown,
    spellings,
)

REMEDY = "Name the label: --label COLUMN, or LABEL=COLUMN with make."

_PLAUSIBLE = 2.5  # points from which a column is taken for a label
_ALONE = 0.5  # points that suffice where no other column could be one
_CLOSE = 1.5  # points within which another column is a rival


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
        unique = chosen.distinct > min(MOST_VALUES, chosen.known // 3)
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
                f"(yes and no, good and bad, a category) or is a number.{no_number(chosen)}",
            ),
        )
        return replace(read(chosen, task), which="named by you")
    possible = [(column, _points(column, columns)) for column in columns if _can_be_label(column)]
    ranked = sorted(((column, *found) for column, found in possible), key=lambda found: -found[1])
    if not ranked or ranked[0][1] < (_PLAUSIBLE if len(ranked) > 1 else _ALONE):
        near = ", ".join(f"{column.name!r} ({shown(column)})" for column, *_ in ranked[:3])
        raise DataError(
            f"{name}: no column looks like a label, the thing to predict (a few values that repeat, such as yes and "
            f"no, or a rating).{f' Nearest: {near}.' if near else ''} {series(columns)}{REMEDY}"
        )
    best, score, why = ranked[0]
    gap = score - ranked[1][1] if len(ranked) > 1 else 2 * _CLOSE
    sure = min(1.0, 0.3 + 0.25 * max(0.0, gap))
    close = (column for column, points, _ in ranked[1:4] if points > score - 2 * _CLOSE)
    rivals, found = tuple((column.name, shown(column)) for column in close), read(best, task)
    return replace(found, which=why, sure=min(sure, found.sure), rivals=rivals)


def series(columns: Sequence[Column], label: Column | None = None) -> str:
    """Return what can be done with a time and numbers alone; nothing for another file, or one whose label is named."""
    kinds = {column.kind for column in columns if column is not label} - {"empty", "constant"}
    named = label is not None and any(words.heard(label.name, among) for among, _ in _NAMES)
    if kinds != {"time", "number"} or named:
        return ""
    beside = f" beside {shorten(label.name, 40)!r}" if label else ""
    return (
        f"It holds only a time and numbers{beside}: to find what is unusual in them without a label, say "
        "--task anomaly, or TASK=anomaly with make (docs/plant.md). "
    )


def _can_be_label(column: Column) -> bool:
    """Say whether a column has few values that repeat, or is a rating, or a number that is called a label."""
    values = spellings(column)
    rating = column.kind == "number" and bool(words.heard(column.name, words.RATING))
    few = 2 <= len(values) <= MOST_VALUES and column.known >= 3 * len(values)
    named = bool(words.heard(column.name, words.LABEL))
    known = rating or few or (named and column.kind == "number")
    if column.kind in ("empty", "constant", "time", "text") or not known or column.missing_share > 0.5:
        return False
    return column.kind != "number" or len(values) <= 2 or rating or named or coded(column)


_NAMES = ((words.LABEL, 4.0), (words.TROUBLE, 3.0), (words.RATING, 2.0), (words.LABEL_LIKE, 1.5))
"""Words of a name that speak for a label, and how much; the first that is heard counts."""


def _points(column: Column, columns: Sequence[Column]) -> tuple[float, str]:
    """Return how much speaks for a column as the label, and what."""
    values = spellings(column)
    count, two = len(values), len(values) == 2
    rating = column.kind == "number" and bool(words.heard(column.name, words.RATING))
    named = next(((word, points) for among, points in _NAMES if (word := words.heard(column.name, among))), ("", 0.0))
    trouble = [value for value in values if words.heard(value, words.TROUBLE)]
    kinds = column.kind != "number" and words.heard(column.name, words.KINDS)
    only = sum(other.kind in CLASSY and 2 <= len(spellings(other)) <= MOST_VALUES for other in columns)
    alone = only == 1 or (rating and sum(map(_can_be_label, columns)) == 1)
    spoken = [
        (bool(named[0]), named[1], f"its name says {named[0]!r}"),
        (two, 2.0, "two values"),
        (two and all(parsing.level(value) in words.YES | words.NO for value in values), 1.0, "that say yes and no"),
        (2 < count <= 10, 0.5, f"{count} values"),
        (count > 10 and not kinds, -1.5 if count > 20 and not rating else -0.5, ""),
        (bool(kinds) and any(other.kind == "text" for other in columns), 2.5, "there are texts to sort by it"),
        (bool(trouble) and count <= 10, 2.0, f"{shorten(''.join(trouble[:1]), 30)!r} sounds like trouble"),
        (column is columns[-1], 1.5, "it stands last"),
        (alone, 2.0, "no other column could be one"),
        (bool(words.protected(column.name) or column.personal), -3.0, ""),
        (two and min(values.values()) < 0.01 * column.known, -1.5, ""),
        (column.missing_share > 0.1, -1.0, ""),
    ]
    why = ", ".join(reason for holds, _, reason in spoken if holds and reason)
    return sum(points for holds, points, _ in spoken if holds), why

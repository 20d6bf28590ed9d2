"""Suspected leaks: columns that tell the label all by themselves, most of them written after it was known."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from loopbook.data.features import tokenize
from loopbook.starter.column import Column

_MISTAKES = 0.01  # of the rarer class; broken rows must not hide a leak
_LEAST_ROWS = 5  # a level of fewer rows says nothing


def suspect(column: Column, truth: NDArray[np.bool_], labelled: NDArray[np.bool_]) -> str:
    """Return how a column tells the label all by itself; empty: it does not.

    Parameters
    ----------
    column
        A column that could be an input.
    truth, labelled
        Who is yes, and who has a label at all; bool [n].
    """
    yes = truth[labelled]
    allowed = _MISTAKES * min(int(yes.sum()), int((~yes).sum()))
    gone = column.missing[labelled]
    if _mistakes(gone, yes) <= allowed:
        return "whether it has a value tells the label"
    if column.kind == "number" and column.numbers is not None:
        return _by_number(column.numbers[labelled], yes, allowed)
    if column.kind == "text":
        return _by_word([column.values[row] for row in np.flatnonzero(labelled)], yes, allowed)
    return _by_level([column.values[row].casefold() for row in np.flatnonzero(labelled)], yes, allowed)


def _mistakes(says_yes: NDArray[np.bool_], yes: NDArray[np.bool_]) -> int:
    """Return how often a yes-or-no column and the label differ, whichever way round it is read."""
    wrong = int((says_yes != yes).sum())
    return min(wrong, len(yes) - wrong)


def _by_level(values: list[str], yes: NDArray[np.bool_], allowed: float) -> str:
    rows, agreeing = Counter(values), Counter(value for value, each in zip(values, yes, strict=True) if each)
    if len(rows) < 2 or np.median(list(rows.values())) < _LEAST_ROWS:
        return ""
    wrong = sum(min(agreeing[value], count - agreeing[value]) for value, count in rows.items())
    return "each of its values goes with one answer" if wrong <= allowed else ""


def _by_number(numbers: NDArray[np.float64], yes: NDArray[np.bool_], allowed: float) -> str:
    levels = [f"{value:g}" for value in numbers]
    if len(set(levels)) <= 20:
        return _by_level(levels, yes, allowed)
    known = ~np.isnan(numbers)
    order = np.argsort(numbers[known], kind="stable")
    values, answers = numbers[known][order], yes[known][order]
    if not 0 < answers.sum() < len(answers) or known.mean() < 0.5:
        return ""
    wrong = np.cumsum(answers) + (~answers).sum() - np.cumsum(~answers)  # yes above, no below the cut
    wrong = np.minimum(wrong, len(answers) - wrong)
    wrong = np.where(np.append(values[1:] != values[:-1], False), wrong, len(answers))
    cut = int(wrong.argmin())
    return f"one limit, {values[cut]:g}, parts yes from no" if wrong[cut] <= allowed else ""


def _by_word(texts: list[str], yes: NDArray[np.bool_], allowed: float) -> str:
    rows: Counter[str] = Counter()
    agreeing: Counter[str] = Counter()
    for text, each in zip(texts, yes, strict=True):
        tokens = set(tokenize(text))
        rows.update(tokens)
        if each:
            agreeing.update(tokens)
    total = int(yes.sum())
    for word, count in rows.items():
        wrong = (count - agreeing[word]) + (total - agreeing[word])
        if min(wrong, len(yes) - wrong) <= allowed:
            return f"the word {word[:30]!r} alone tells the label"
    return ""

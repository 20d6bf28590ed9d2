"""Suspected leaks: columns that tell the label nearly alone on held-out rows, or are known only after it."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from loopbook.data.features import tokenize
from loopbook.starter import words
from loopbook.starter.column import Column

_TELLING = 0.95  # balanced accuracy on held-out rows from which one column tells the label nearly alone
_LEAST_ROWS = 5  # a level of fewer rows says nothing
_LEAST_HELD = 10  # held-out rows of the rarer class, below which nothing can be said
_BY_CHANCE = 1e-6
_SAMPLE = 20_000

Bools = NDArray[np.bool_]


def afterwards(name: str, label: str, values: Iterable[str]) -> str:
    """Return why a column's name says that it is known only after the label; empty: it does not.

    ``sentiment_confidence`` is said of the label ``sentiment``, ``negativereason`` of its value ``negative``.
    """
    squeezed = "".join(words.of(name))
    for about in (label, *values):
        stem = "".join(word for word in words.of(about) if word not in ("is", "has", "ist", "hat"))
        rest = squeezed.removeprefix(stem)
        if len(stem) >= 3 and rest and rest != squeezed and _AFTER.fullmatch(rest):
            return f"by its name it says something of {about!r}, which is known only after the label"
    return ""


def implies(column: Column, truth: Bools, labelled: Bools) -> str:
    """Return which of two levels has rows of yes alone, beyond chance: another label, where it is written as the label.

    Of comments marked ``toxic``, ``insult`` and ``threat``, an insult is toxic.
    """
    level = min(column.counts, key=lambda value: column.counts[value])
    answers = truth[labelled & (np.array(column.values, dtype=object) == level)]
    if not answers.all() or truth[labelled].mean() ** len(answers) > _BY_CHANCE:
        return ""
    return f"{_WHERE} {level!r} the label is always yes, in {len(answers):,} rows"


_AFTER = re.compile(f"(?:{'|'.join(sorted(words.AFTERWARDS, key=len, reverse=True))})+")


def tells(column: Column, told: Sequence[Bools], labelled: Bools) -> str:
    """Return how a column gives the label away: all of what is told of it, or whether there is a value some of it.

    A word for each class of several is what a model is to learn, and so is a limit that parts one from the rest; a
    column that parts all of them is suspected. `told` is who is yes, or of each class who is in it, bool [n] each.
    """
    found = [suspect(column, truth, labelled) for truth in told]
    filled = (how for how in found if how.startswith((_FILLED, _WHERE)))
    suspected = all(found) and (len(told) == 1 or column.kind != "text")
    return found[0] if suspected else next(filled, "")


_FILLED, _WHERE = "whether it has a value tells", "where it has"


def suspect(column: Column, truth: Bools, labelled: Bools) -> str:
    """Return how a column tells the label nearly alone, with the evidence; empty: it does not.

    What the column seems to say is learned on half of the rows and counted on the other half, each answer alike, so
    that a column of keys, which knows every row by heart, tells nothing.

    Parameters
    ----------
    column
        A column that could be an input.
    truth, labelled
        Who is yes, and who has a label at all; bool [n].
    """
    rows = np.random.default_rng(0).permutation(np.flatnonzero(labelled))[:_SAMPLE]
    learned, held = rows[::2], rows[1::2]
    yes = truth[held]
    if min(yes.sum(), (~yes).sum()) < _LEAST_HELD:
        learned = held = rows
        yes = truth[held]
    gone = column.missing
    tried = [(f"{_FILLED} the label", ~gone if truth[learned][~gone[learned]].mean() > 0.5 else gone)]
    if column.kind == "number" and column.numbers is not None and column.distinct > 20:
        tried.append(_by_number(column.numbers, truth, learned))
    elif column.kind == "text":
        tried.append(_by_word(column.values, truth, learned))
    else:
        tried.append(_by_level([value.casefold() for value in column.values], truth, learned))
    for how, says in tried:
        right = (says[held][yes].mean() + (~says[held])[~yes].mean()) / 2 if how else 0.0
        if right >= _TELLING:
            return (
                f"{how}: right in {right:.0%} of {len(held):,} rows that it was not learned from, answers counted alike"
            )
    return _one_sided(~gone[held], yes) if gone[held].any() else ""


def _one_sided(filled: Bools, yes: Bools) -> str:
    """Return how a column that is filled for one answer only gives that answer away."""
    count, answers = int(filled.sum()), yes[filled]
    expected = count * min(yes.mean(), 1 - yes.mean())
    if count < 0.1 * len(yes) or expected < _LEAST_HELD or 0.01 * count < min(answers.sum(), (~answers).sum()):
        return ""
    answer, share = ("yes", answers.mean()) if answers.mean() > 0.5 else ("no", 1 - answers.mean())
    return f"{_WHERE} a value the label is {answer}, in {share:.0%} of {count:,} rows that it was not learned from"


def _by_level(values: list[str], truth: Bools, learned: NDArray[np.intp]) -> tuple[str, Bools]:
    rows = Counter(values[row] for row in learned)
    agreeing = Counter(values[row] for row in learned if truth[row])
    if len(rows) < 2 or np.median(list(rows.values())) < _LEAST_ROWS:
        return "", truth
    says = np.array([2 * agreeing[value] > rows[value] for value in values], dtype=bool)
    return "each of its values goes with one answer", says


def _by_number(numbers: NDArray[np.float64], truth: Bools, learned: NDArray[np.intp]) -> tuple[str, Bools]:
    known = learned[~np.isnan(numbers[learned])]
    if len(known) < 0.5 * len(learned):
        return "", truth
    order = known[np.argsort(numbers[known], kind="stable")]
    values, yes = numbers[order], truth[order]
    below = np.cumsum(yes) / max(1, yes.sum()) - np.cumsum(~yes) / max(1, (~yes).sum())  # Youden's J of each cut
    below = np.where(np.append(values[1:] != values[:-1], False), below, 0.0)
    cut = int(np.abs(below).argmax())
    says = numbers <= values[cut] if below[cut] > 0 else numbers > values[cut]
    return f"one limit, {values[cut]:g}, parts yes from no", says


def _by_word(texts: list[str], truth: Bools, learned: NDArray[np.intp]) -> tuple[str, Bools]:
    found = [set(tokenize(text)) for text in texts]
    rows, agreeing = Counter[str](), Counter[str]()
    for row in learned:
        rows.update(found[row])
        agreeing.update(found[row] if truth[row] else ())
    yes, no = int(truth[learned].sum()), int((~truth[learned]).sum())
    if not rows:
        return "", truth
    apart = {word: agreeing[word] / max(1, yes) - (rows[word] - agreeing[word]) / max(1, no) for word in rows}
    word = max(apart, key=lambda each: abs(apart[each]))
    holds = np.array([word in each for each in found], dtype=bool)
    return f"the word {word!r} alone tells the label", holds if apart[word] > 0 else ~holds

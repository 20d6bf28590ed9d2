"""Confusion drift: is a class taken for another more often than it was?"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from loopbook.monitoring import rates, signals
from loopbook.monitoring.changes import Change
from loopbook.monitoring.rates import Rate
from loopbook.monitoring.timeline import Floats, Log, Mask

LEAST_RISE = 0.05
"""Smallest rise worth an alert of the share of a class's rows that are taken for another."""
_CLASSES = 20  # watched one by one, the commonest of the reference; the others together


def watch(log: Log) -> pd.DataFrame:
    """Watch the rows of the confusion matrix: of each class's rows, the share that is taken for another.

    Another mix of classes changes none of these shares. An alarm names the class for which it is taken more often by
    most. There are too many pairs of classes to watch each; classes of which the reference has no row are left out.

    Returns
    -------
    DataFrame
        A row a rise (`signals.COLUMNS`); ``value`` is the share, ``effect`` the difference.
    """
    if "confusion" not in log.checks:
        return signals.table([])
    sides = log.known
    rows = np.bincount(sides[1].code, minlength=len(log.classes))
    order = np.argsort(-rows, kind="stable")[: np.count_nonzero(rows)]
    groups = [order[at : at + 1] for at in range(min(_CLASSES, len(order)))]
    if len(order) > _CLASSES:
        groups.append(order[_CLASSES:])
    found = []
    for group in groups:
        what = f"“{log.classes[group[0]]}”" if len(group) == 1 else "rarer classes"
        inside = [np.isin(side.code, group) for side in sides]
        wrong = [np.where(of, side.code != side.said, np.nan) for of, side in zip(inside, sides, strict=True)]
        rate = rates.mean(f"share of {what} taken for another class", sides, wrong, _rise, LEAST_RISE)
        found.append(rate._replace(words=_told(log, rate, inside, several=len(group) > 1)))
    return rates.watch("confusion", log, found, delay=log.delay, rise_only=True)


def _told(log: Log, rate: Rate, inside: list[Mask], *, several: bool) -> Callable[[Change], str]:
    """Return how a change is told: with the pair of classes whose share has risen most."""
    width = len(log.classes)

    def words(change: Change) -> str:
        shares: list[Floats] = []
        for side, of in zip(log.known, inside, strict=True):
            rows = of & (side.day >= change.onset) & (side.day <= change.day) if not shares else of
            pairs = (side.code * width + side.said)[rows & (side.code != side.said)]
            shares.append(np.bincount(pairs, minlength=width**2) / max(1, rows.sum()))
        true, said = divmod(int((shares[0] - shares[1]).argmax()), width)
        pair = f"mostly {f'“{log.classes[true]}” ' if several else ''}for “{log.classes[said]}”"
        return f"{rates.moved(rate.names[0], change.value, change.expected)}, {pair}"

    return words


def _rise(value: float, expected: float) -> float:
    return max(0.0, value - expected)

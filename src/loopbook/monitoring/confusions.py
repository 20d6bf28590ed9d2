"""Confusion that changes: is one class taken for another more often than it was?"""

import numpy as np
import pandas as pd

from loopbook.monitoring import rates, signals
from loopbook.monitoring.changes import Change
from loopbook.monitoring.timeline import Days, Log, known

LEAST_RISE = 0.05
"""Smallest rise worth an alert: of a class's rows that are taken for one other, or of all rows that are confused."""
_PAIRS = 20  # watched one by one, the commonest of the reference; the others together


def watch(log: Log) -> pd.DataFrame:
    """Watch the off-diagonal cells of the confusion matrix, each as a share of its true class's rows.

    So that another mix of classes changes none of them. The commonest cells of the reference are watched one by one,
    all others together as a share of all rows, and an alarm of these names the pair that has come to be the commonest.

    Returns
    -------
    DataFrame
        A row a rise (`signals.COLUMNS`); ``value`` is the share, ``effect`` the difference.
    """
    if "confusion" not in log.checks:
        return signals.table([])
    sides, width = known(log), len(log.classes)
    pairs = [np.where(side.code == side.said, -1, side.code * width + side.said) for side in sides]
    found, count = np.unique(pairs[1][pairs[1] >= 0], return_counts=True)
    common = found[np.argsort(-count, kind="stable")][:_PAIRS]
    watched = [
        rates.mean(
            f"share of “{log.classes[pair // width]}” taken for “{log.classes[pair % width]}”",
            sides,
            [np.where(side.code == pair // width, own == pair, np.nan) for side, own in zip(sides, pairs, strict=True)],
            _rise,
            LEAST_RISE,
        )
        for pair in common.tolist()
    ]
    other = [(own >= 0) & ~np.isin(own, common) for own in pairs]

    def words(change: Change) -> str:
        inside = other[0] & (sides[0].day >= change.onset) & (sides[0].day <= change.day)
        pair = _most(pairs[0][inside])
        told = rates.moved("share of other confusions", change.value, change.expected)
        return f"{told}, mostly of “{log.classes[pair // width]}” taken for “{log.classes[pair % width]}”"

    rest = rates.mean("share of other confusions", sides, [part.astype("float64") for part in other], _rise, LEAST_RISE)
    return rates.watch("confusion", log, [*watched, rest._replace(words=words)], delay=log.delay, rise_only=True)


def _rise(value: float, expected: float) -> float:
    return max(0.0, value - expected)


def _most(values: Days) -> int:
    """Return the commonest value, of equally common ones the least."""
    found, count = np.unique(values, return_counts=True)
    return int(found[count.argmax()])

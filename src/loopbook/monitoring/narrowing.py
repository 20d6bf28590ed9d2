"""Narrowing: whether lists hold ever fewer items, as those of an agent do that learns from clicks on its own lists."""

import numpy as np
import pandas as pd

from loopbook.monitoring import rates, signals
from loopbook.monitoring.timeline import Floats, Log, Side

LEAST_GROWTH = 0.25
"""Smallest rise of the share worth an alert, as a share of what was expected."""


def watch(log: Log) -> pd.DataFrame:
    """Watch how often places of a day's other lists hold the same item (Simpson's index); only a rise counts."""
    if "narrowing" not in log.checks:
        return signals.table([])
    sides = log.stream, log.reference
    name = "share of places in a day's other lists that hold the same item"
    found = rates.mean(name, sides, [_same(side) for side in sides], _growth, LEAST_GROWTH)
    return rates.watch("narrowing", log, [found], rise_only=True)


def _same(side: Side) -> Floats:
    """Return for each row a value whose mean by day is Simpson's index, and which spreads as that does, float64 [n].

    The index is a mean over pairs, so a row moves it twice as far as its own share says (Hájek's projection).

    References
    ----------
    Simpson (1949), Measurement of diversity; Hoeffding (1948) for means over pairs.
    """
    rows = side.frame[["item", "shown"]].assign(day=side.day)
    alike = rows.groupby(["day", "item"])["item"].transform("size") - 1
    others = rows.groupby("day")["item"].transform("size") - rows.groupby(["day", "shown"])["item"].transform("size")
    share = (alike / others.where(others > 0)).clip(upper=1)
    return np.asarray(2 * share - share.groupby(rows["day"]).transform("mean"), dtype=np.float64)


def _growth(value: float, expected: float) -> float:
    return value / max(expected, 1e-12) - 1

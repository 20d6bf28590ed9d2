"""Volume: how many decisions a day, against the same weekday before."""

from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import nbinom
from scipy.stats import t as student

from loopbook.monitoring import signals
from loopbook.monitoring.timeline import Floats, Log

LEAST_CHANGE = 0.3
"""Smallest change of the volume worth an alert, as a share of what was expected."""


def watch(log: Log) -> pd.DataFrame:
    """Compare the rows of each whole day with the mean of the same weekday so far.

    On the logarithmic scale, with a Student interval for the next day: weekdays need two earlier values each,
    until then all days count as one kind. Where a day has few rows the logarithm leans, so no count is called rarer
    than chance alone makes it, nor a stretch of days without any (`_by_chance`). The first and the last day of either
    side may be cut and are left out. The reference is part of the history where it lies before the stream; where the
    splits are shares of the same days, or all but the stream are, its volume says nothing about the stream's.

    Returns
    -------
    DataFrame
        A row a day (`signals.COLUMNS`); no row for a log without times, whose days are equal by construction.
        Without surges in `log`, an alarm is what no surge explains.
    """
    if log.start is None:
        return signals.table([])
    past, weekday = _history(log, log.start)
    rows, empty = [], 0
    for day, count in enumerate(np.bincount(log.stream.day, minlength=log.stream.days).astype("float64")):
        whole = 0 < day < log.stream.days - 1
        today = (log.start.weekday() + day) % 7
        expected, low, high, p = _expected(past, weekday, float(count), today)
        change = float(abs(np.log((count + 0.5) / (expected + 0.5))))
        odd = whole and p <= log.level and change >= np.log1p(LEAST_CHANGE)
        empty = empty + 1 if odd and not count else 0
        p = max(p, _by_chance(np.array(past)[_alike(weekday, today)], float(count), max(1, empty)))
        alarm, onset = odd and p <= log.level, day + 1 - max(1, empty)
        units = log.scenario.task.units
        title = f"{f'{count:,.0f}' if count else 'no'} {units} a day where {expected:,.0f} were expected"
        evidence = f"{title} ({signals.shown(p)})"
        row = {"day": day, "onset": onset, "last": day, "value": count, "low": low, "high": high, "expected": expected}
        rows.append(
            row | {"effect": change, "p": p if whole else 1.0, "alarm": alarm, "title": title, "evidence": evidence}
        )
        if whole and not odd:
            past.append(float(count))
            weekday.append(today)
    return signals.table(rows, "volume")


def _history(log: Log, start: date) -> tuple[list[float], list[int]]:
    """Return rows a day of the reference's whole days, and their weekdays."""
    if "time" not in log.reference.frame.columns or log.reference.frame["time"].isna().any():
        return [], []
    first, last = log.reference.frame["time"].min().date(), log.reference.frame["time"].max().date()
    splits = log.scenario.data.splits
    if last > start or log.reference.days < 3 or (splits.dates and splits.by != "time"):
        return [], []
    counts = np.bincount(log.reference.day, minlength=log.reference.days)[1:-1].astype("float64")
    return counts.tolist(), [(first.weekday() + 1 + day) % 7 for day in range(len(counts))]


def _expected(past: list[float], weekday: list[int], count: float, today: int) -> tuple[float, float, float, float]:
    """Return the expected rows of a day, the 95% interval for its rows, and the two-sided p-value of `count`."""
    if len(past) < 3:
        return (float(np.mean(past)) if past else count), float("nan"), float("nan"), 1.0
    values, kinds = np.log(np.array(past) + 0.5), np.array(weekday)
    if not _by_weekday(weekday):
        kinds, today = np.zeros(len(values), int), 0
    means = {int(kind): float(values[kinds == kind].mean()) for kind in set(kinds.tolist())}
    rest = values - np.array([means[int(kind)] for kind in kinds])
    degrees = len(values) - len(means)
    # Chance alone gives a count a relative variance of one over it; the days seen may be alike by luck.
    variance = max(float((rest**2).sum()) / degrees, 1 / max(float(np.mean(past)), 1.0))
    spread = float(np.sqrt(variance * (1 + 1 / (kinds == today).sum())))
    centre, half = means[today], spread * float(student.ppf(0.975, degrees))
    z = (float(np.log(count + 0.5)) - centre) / spread
    low, high = (float(np.exp(centre + sign * half) - 0.5) for sign in (-1, 1))
    return float(np.exp(centre) - 0.5), max(0.0, low), high, float(2 * student.sf(abs(z), degrees))


def _by_weekday(weekday: list[int]) -> bool:
    """Say whether each weekday has been seen twice."""
    return all(weekday.count(kind) >= 2 for kind in range(7))


def _alike(weekday: list[int], today: int) -> NDArray[np.bool_]:
    """Return which of the days are of today's kind."""
    kinds = np.array(weekday, int)
    return kinds == today if _by_weekday(weekday) else np.ones(len(kinds), bool)


def _by_chance(alike: Floats, count: float, days: int) -> float:
    """Return the two-sided p-value of so many rows in so many days, if days are independent counts of one rate.

    Of the rate the earlier days are all that is known (Jeffreys' prior), so the next count is negative binomial.
    """
    if not len(alike):
        return 1.0
    chance = nbinom(float(alike.sum()) + 0.5, len(alike) / (len(alike) + days))
    return float(min(1.0, 2 * min(chance.cdf(count), chance.sf(count - 1))))

"""Watched rates: means and shares of the stream's rows by day beside those of the reference, and what to call them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student

from loopbook.monitoring import changes, signals
from loopbook.monitoring.changes import Change
from loopbook.monitoring.timeline import Floats, Log, Side
from loopbook.statistics.day_spread import Daily, Pooled, fit, matched
from loopbook.statistics.intervals import Z

_NAMED = 3  # classes named in a title
_LEAST_EVENTS = 30  # a share p has skewness of about 1/√p, so rows / (1 + skewness²) is the number of events seen
Effect = Callable[[float, float], float]
"""Size of a change from (value, expected); not negative."""


class Rate(NamedTuple):
    """What is watched together: one quantity of stream and reference, or the shares of k classes.

    Attributes
    ----------
    place
        Where: a field; empty for everywhere.
    names
        What is measured, in the label's own words, [k]: ``share of *bearish*``.
    now, base
        The quantities by day.
    effect
        Size of a change; `least` is the smallest worth an alarm.
    share
        Whether the mean lies between 0 and 1 and is told in percent.
    words
        Title in other words, from the change; None: what, direction and numbers.
    error
        Variance, [k], that the days of a change have in common, of shares corrected for a classifier's errors
        (`Correction.error`): it cancels out between days, and widens the interval of the level; None: none.
    """

    place: str
    names: tuple[str, ...]
    now: Daily
    base: Daily
    effect: Effect
    least: float
    share: bool = True
    words: Callable[[Change], str] | None = None
    error: Callable[[Change], Floats] | None = None


def mean(
    name: str, sides: Sequence[Side], values: Sequence[Floats], effect: Effect, least: float, *, share: bool = True
) -> Rate:
    """Return the mean by day of a quantity of the rows of stream and reference, [n] each; NaN is left out."""
    now, base = (side.daily(part) for side, part in zip(sides, values, strict=True))
    return Rate("", (name,), now, base, effect, least, share)


def watch(
    check: str,
    log: Log,
    rates: Sequence[Rate],
    parts: Sequence[float] | None = None,
    delay: int = 0,
    *,
    rise_only: bool = False,
) -> pd.DataFrame:
    """Watch rates by day and return the changes as a table of signals.

    A rate's part of the level is divided among its classes (Bonferroni): that they sum to one matters for two only,
    which are one share. At as many false alarms, a sum of squares over all classes finds no small rise of one of them
    sooner (tests/benchmarks/day_effects.py). Classes that move on the same day are one signal, the clearest first.

    Parameters
    ----------
    check
        As in `signals.COLUMNS`.
    parts
        What part of the day's level each rate may spend; None: all alike.
    delay
        Days by which what the watch needs comes later (outcomes).
    rise_only
        Whether only a rise is a change worth telling.
    """
    if not rates:
        return signals.table([])
    widths = [len(rate.names) for rate in rates]
    owner = np.repeat(np.arange(len(rates)), widths)
    names = [name for rate in rates for name in rate.names]
    levels = log.level * np.repeat(np.asarray(parts or 1 / len(rates)) / widths, widths)
    now, base = _alike(*(Daily.beside(sides) for sides in zip(*((rate.now, rate.base) for rate in rates), strict=True)))

    def matters(column: int, value: float, expected: float) -> bool:
        rate = rates[owner[column]]
        return rate.effect(value, expected) >= rate.least and not (rise_only and value < expected)

    found = changes.watch(now, base, levels, matters, log.spread, owner)
    rows = []
    for (_, index), same in groupby(found, lambda change: (change.day, int(owner[change.column]))):
        rate, first = rates[index], sum(widths[:index])
        moves = [_limited(one, rate, one.column - first) for one in sorted(same, key=lambda one: one.p)]
        change = moves[0]
        title = "; ".join(
            rate.words(one) if rate.words else moved(names[one.column], one.value, one.expected, share=rate.share)
            for one in moves[:_NAMED]
        )
        rows.append(
            {
                "place": rate.place, "day": change.day + delay, "onset": change.onset, "last": change.day,
                "value": change.value, "low": change.low, "high": change.high, "expected": change.expected,
                "effect": rate.effect(change.value, change.expected), "p": change.p, "alarm": True,
                "back": change.back, "title": title, "evidence": f"{title} ({signals.shown(change.p)})",
            }
        )  # fmt: skip
    return signals.table(rows, check)


def _limited(change: Change, rate: Rate, column: int) -> Change:
    """Return a change with all of its error in the interval; a share and its interval are within [0, 1]."""
    value, expected = change.value, change.expected
    half = np.hypot(change.high - value, Z * np.sqrt(rate.error(change)[column] if rate.error else 0.0))
    bounds = (0.0, 1.0) if rate.share else (-np.inf, np.inf)
    value, low, high, expected = np.clip([value, value - half, value + half, expected], *bounds).tolist()
    return change._replace(value=value, low=low, high=high, expected=expected)


def _alike(now: Daily, base: Daily) -> tuple[Daily, Daily]:
    """Give both sides one variance and skewness of a row: the base's, as it must be if nothing changed.

    Of what is so rare that the base has hardly seen it, the side that varies more says how much a row can.
    """
    with np.errstate(divide="ignore"):
        rows = (1 / base.inverse).sum(axis=0)
    rare = rows < _LEAST_EVENTS * (1 + base.lean**2)
    unit = np.where(rare, np.maximum(base.unit, now.unit), base.unit)
    lean = np.where(rare & (now.unit > base.unit), now.lean, base.lean)
    return replace(now, unit=unit, lean=lean), replace(base, unit=unit, lean=lean)


def expected(now: Daily, base: Daily, prior: Pooled) -> tuple[Floats, Floats]:
    """Return what a base expects of the first rate on each day, and half the width of the band of 95%, [days] each.

    A day is compared with the base's days of its kind. The band holds the rows of the day, the spread between days,
    and what the base does not know of its own mean.
    """
    own, kinds = matched(now, base)
    known = fit(base, kinds, prior.correlation)
    weight = np.maximum(known.weight[own, 0], 1e-300)
    freedom = float(prior.freedom + known.freedom[0])
    scale = float((prior.freedom * prior.scale + known.square[0]) / max(freedom, 1))
    with np.errstate(invalid="ignore"):
        variance = base.unit[0] * max(scale, 1e-12) * (now.inverse[:, 0] + prior.correlation + 1 / weight)
    reach = float(student.ppf(0.975, max(freedom, 1)))
    return known.total[own, 0] / weight, np.where(np.isfinite(variance), reach * np.sqrt(variance), np.nan)


def moved(name: str, value: float, expected: float, *, share: bool = True) -> str:
    """Return a change in words: what, which way, from which number to which."""
    way = "up" if value > expected else "down"
    before, after = numbers(expected, value, share=share)
    return f"{name} {way} from {before} to {after}"


def numbers(one: float, other: float, *, share: bool) -> tuple[str, str]:
    """Return two numbers as words, with as many digits as it takes to tell them apart."""
    if share:
        pairs = [(f"{one:.{digits}%}", f"{other:.{digits}%}") for digits in (0, 1, 2)]
    else:
        pairs = [(f"{one:.{digits}g}", f"{other:.{digits}g}") for digits in (3, 5, 9, 17)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])

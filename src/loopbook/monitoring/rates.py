"""Watched rates: means and shares of the stream's rows by day beside those of the reference, and what to call them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from loopbook.monitoring import changes, signals
from loopbook.monitoring.changes import Change
from loopbook.monitoring.timeline import Floats, Log, Side
from loopbook.statistics.day_spread import Daily

_LEAST_EVENTS = 30  # a share p has skewness of about 1/√p, so rows / (1 + skewness²) is the number of events seen
Effect = Callable[[float, float], float]
"""Size of a change from (value, expected); not negative."""


class Rate(NamedTuple):
    """A quantity of the rows of both sides.

    Attributes
    ----------
    place
        Where: a field; empty for everywhere.
    name
        What is measured, in the label's own words: ``share of *bearish*``.
    now, base
        float64 [n] of stream and reference, one value a row; NaN is left out.
    effect
        Size of a change; `least` is the smallest worth an alarm.
    share
        Whether the mean lies between 0 and 1 and is told in percent.
    words
        Title in other words, from the change; None: what, direction and numbers.
    """

    place: str
    name: str
    now: Floats
    base: Floats
    effect: Effect
    least: float
    share: bool = True
    words: Callable[[Change], str] | None = None


def watch(
    check: str,
    log: Log,
    sides: tuple[Side, Side],
    rates: Sequence[Rate],
    levels: float | Floats,
    delay: int = 0,
    *,
    rise_only: bool = False,
) -> pd.DataFrame:
    """Watch rates by day and return the changes as a table of signals.

    Parameters
    ----------
    check
        As in `signals.COLUMNS`.
    sides
        Stream and reference, whose rows the rates are of.
    levels
        Probability of a false alarm a day, for each rate.
    delay
        Days by which what the watch needs comes later (outcomes).
    rise_only
        Whether only a rise is a change worth telling.
    """
    base = _daily(sides[1], [rate.base for rate in rates])
    now = _daily(sides[0], [rate.now for rate in rates])
    now, base = _alike(now, base)

    def matters(column: int, value: float, expected: float) -> bool:
        rate = rates[column]
        return rate.effect(value, expected) >= rate.least and not (rise_only and value < expected)

    rows = []
    for change in changes.watch(now, base, levels, matters, log.spread):
        rate = rates[change.column]
        value, expected = change.value, change.expected
        low, high = change.low, change.high
        if rate.share:
            value, expected, low, high = (float(np.clip(part, 0, 1)) for part in (value, expected, low, high))
        title = rate.words(change) if rate.words else moved(rate.name, value, expected, share=rate.share)
        rows.append(
            {
                "place": rate.place, "day": change.day + delay, "onset": change.onset, "last": change.day,
                "value": value, "low": low, "high": high, "expected": expected,
                "effect": rate.effect(value, expected), "p": change.p, "alarm": True, "back": change.back,
                "title": title, "evidence": f"{title} ({signals.shown(change.p)})",
            }
        )  # fmt: skip
    return signals.table(rows, check)


def _daily(side: Side, columns: Sequence[Floats]) -> Daily:
    return Daily.of(columns, side.day, side.days, side.weekday)


def _alike(now: Daily, base: Daily) -> tuple[Daily, Daily]:
    """Give both sides one variance and skewness of a row: the base's, as it must be if nothing changed.

    Of what is so rare that the base has hardly seen it, the side that varies more says how much a row can.
    """
    with np.errstate(divide="ignore"):
        rows = (1 / base.inverse).sum(axis=0)
    rare = rows < _LEAST_EVENTS * (1 + base.lean**2)
    unit = np.where(rare, np.maximum(base.unit, now.unit), base.unit)
    lean = np.where(rare & (now.unit > base.unit), now.lean, base.lean)
    return now.rescaled(unit, lean), base.rescaled(unit, lean)


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

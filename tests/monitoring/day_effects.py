"""Simulated streams whose rows of one day are alike: a weekday pattern, holidays, and a spread between the days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loopbook.monitoring import changes
from loopbook.monitoring.alerts import AGAIN
from loopbook.statistics import day_spread
from loopbook.statistics.day_spread import Daily, Pooled

Floats = NDArray[np.float64]

CORRELATION = {20: 0.06, 200: 0.06, 2000: 0.0015}
"""Intraclass correlation of the rows of a day, by rows a day: as measured on thin streams and on 1,400 posts a day."""
WEEKDAYS = np.array([0.5, 0.2, 0.0, -0.1, 0.1, -0.6, -0.9])
"""What a weekday adds, in standard deviations between days."""
HOLIDAYS, HOLIDAY = 0.02, 2.5
"""Share of the days that are holidays, and what one adds or takes away, in standard deviations between days."""


START = 30
"""Day of the stream on which a rise comes."""


class Outcome(NamedTuple):
    """False incidents (without a rise), days watched, and days up to the alarm of each column (with one)."""

    incidents: int
    days: int
    delays: Floats


@dataclass(frozen=True)
class Kind:
    """A kind of stream: rows a day, share of yes, correlation of the rows of a day, and which patterns it has."""

    rows: int
    share: float = 0.5
    correlation: float | None = None
    weekdays: bool = True
    holidays: bool = True

    @property
    def icc(self) -> float:
        return CORRELATION[self.rows] if self.correlation is None else self.correlation

    @property
    def spread(self) -> float:
        """Standard deviation of a day's true share."""
        return float(np.sqrt(self.icc * self.share * (1 - self.share)))


def counts(
    rng: np.random.Generator, kind: Kind, days: int, columns: int, rise: float = 0.0, since: int = 0
) -> tuple[Floats, Floats]:
    """Return rows [days] and yes [days, columns] of a stream; from day `since` on every share is higher by `rise`.

    The true share of a day is drawn anew for each day and column (beta distribution), around what weekday and holiday
    make of it; a holiday is one for all columns, and each goes its own way on it.
    """
    day = np.arange(days)
    volume = kind.rows * rng.lognormal(0, 0.2, days) * (np.where(day % 7 >= 5, 0.7, 1.12) if kind.weekdays else 1)
    rows = np.maximum(rng.poisson(volume), 1)
    centre = np.full((days, columns), kind.share) + rise * (day >= since)[:, None]
    if kind.weekdays:
        centre = centre + kind.spread * WEEKDAYS[day % 7][:, None]
    if kind.holidays:
        off = rng.random(days) < HOLIDAYS
        centre = centre + kind.spread * HOLIDAY * off[:, None] * rng.choice([-1, 1], (days, columns))
    centre = np.clip(centre, 0.005, 0.995)
    size = 1 / kind.icc - 1 if kind.icc else np.inf
    true = rng.beta(centre * size, (1 - centre) * size) if kind.icc else centre
    return rows.astype("float64"), rng.binomial(rows[:, None], true).astype("float64")


def daily(rows: Floats, yes: Floats, like: Daily | None = None) -> Daily:
    """Return counts [days, k] among rows [days, k] as shares by day, the first a Monday."""
    share = (yes.sum(axis=0) + 0.5) / (rows.sum(axis=0) + 1)
    unit = share * (1 - share) if like is None else like.unit
    lean = (1 - 2 * share) / np.sqrt(share * (1 - share)) if like is None else like.lean
    return Daily(yes / rows, 1 / rows, unit, lean, np.arange(len(rows)) % 7)


def alarms(kind: Kind, columns: int, reference: int, days: int, seeds: int, rise: float = 0.0) -> Outcome:
    """Watch streams of many seeds at once, at one false alarm a hundred days for all columns of a stream together.

    A rise comes on day 30 of the stream. Alarms of one column within four weeks of each other are one incident.
    """
    drawn = [
        counts(np.random.default_rng([seed, kind.rows, columns, reference]), kind, reference + days, columns, rise,
               reference + START)
        for seed in range(seeds)
    ]  # fmt: skip
    rows = np.concatenate([np.repeat(count[:, None], columns, axis=1) for count, _ in drawn], axis=1)
    yes = np.concatenate([part for _, part in drawn], axis=1)
    learned = [
        day_spread.pooled(daily(np.repeat(count[:reference, None], columns, axis=1), part[:reference]))
        for count, part in drawn
    ]
    prior = Pooled(*(np.repeat([float(one[at]) for one in learned], columns) for at in range(3)))
    base = daily(rows[:reference], yes[:reference])
    now = daily(rows[reference:], yes[reference:], base)
    found = changes.watch(now, base, 0.01 / columns, lambda column, value, expected: True, prior)
    last: dict[int, int] = {}
    incidents, delays = 0, {}
    for change in sorted(found, key=lambda one: one.day):
        incidents += change.day - last.get(change.column, -AGAIN - 1) > AGAIN
        last[change.column] = change.day
        if change.day >= START and change.value > change.expected:
            delays.setdefault(change.column, change.day - START + 1)
    waited = np.array([delays.get(column, np.inf) for column in range(columns * seeds)])
    return Outcome(incidents, days * seeds, waited)


def labels(rng: np.random.Generator, rows: Floats, yes: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the counts of one column row by row: day [n] and yes or no [n], in random order within a day."""
    day = np.repeat(np.arange(len(rows)), rows.astype(int))
    flags = np.concatenate([rng.permutation(int(n)) < k for n, k in zip(rows, yes, strict=True)])
    return day, flags.astype("int64")

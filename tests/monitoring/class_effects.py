"""Simulated streams of several classes whose rows of one day are alike, and three ways to watch their shares."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm
from tests.monitoring.day_effects import HOLIDAY, HOLIDAYS, START, WEEKDAYS, Kind

from loopbook.monitoring import changes, rates
from loopbook.monitoring.alerts import AGAIN
from loopbook.monitoring.rates import Rate
from loopbook.statistics import day_spread
from loopbook.statistics.daily_counts import Counts
from loopbook.statistics.day_spread import Daily, Pooled

Floats = NDArray[np.float64]
Alarm = tuple[int, int]
"""Stream and day."""
Sides = list[tuple[Counts, Counts]]
"""Stream and reference, for each seed."""

WAYS = ("together", "each class by itself", "sum of squares")
"""How the shares of K classes are watched: as `rates.watch` does; as K rates that know nothing of each other; by the
sum of squares of K - 1 uncorrelated contrasts, the joint test that needs no correction for their number."""


class Outcome(NamedTuple):
    """What came of it.

    Attributes
    ----------
    incidents, signals
        Streams' alarms, those of four weeks taken as one, and all of them.
    days
        Days watched, of all streams.
    first, until
        Streams with an alarm, and the days that all streams were watched up to their first one.
    delays
        Days from a rise to the next alarm, for each stream.
    """

    incidents: int
    signals: int
    days: int
    first: int
    until: int
    delays: Floats


def counts(rng: np.random.Generator, kind: Kind, days: int, classes: int, rise: float = 0.0, since: int = 0) -> Counts:
    """Return counts by class of a stream, the class of rank r as common as 1/r, the first day a Monday.

    The true shares of a day are drawn anew for each day (Dirichlet distribution). From day `since` on the share of the
    class of the middle rank is higher by `rise`, and the others' are lower in proportion. A weekday and a holiday
    multiply a class's share, up or down, by exp(√ρ times what they add to one share in `day_effects`).
    """
    usual = 1 / np.arange(1, classes + 1) / (1 / np.arange(1, classes + 1)).sum()
    day, moved = np.arange(days), np.arange(classes) == classes // 2
    after = np.where(moved, usual + rise, usual * (1 - rise / (1 - usual[moved])))
    share = np.where((day >= since)[:, None], after, usual)
    if kind.weekdays:
        share = share * np.exp(np.sqrt(kind.icc) * np.outer(WEEKDAYS[day % 7], rng.choice([-1, 1], classes)))
    if kind.holidays:
        off = rng.random(days) < HOLIDAYS
        share = share * np.exp(np.sqrt(kind.icc) * HOLIDAY * off[:, None] * rng.choice([-1, 1], (days, classes)))
    share = share / share.sum(axis=1, keepdims=True)
    volume = kind.rows * rng.lognormal(0, 0.2, days) * (np.where(day % 7 >= 5, 0.7, 1.12) if kind.weekdays else 1)
    rows = np.maximum(rng.poisson(volume), 1)
    true = rng.gamma(share * (1 / kind.icc - 1))
    count = rng.multinomial(rows, true / true.sum(axis=1, keepdims=True)).astype("float64")
    return Counts(count, rows.astype("float64"), day % 7)


def part(counts: Counts, days: slice) -> Counts:
    """Return some of the days."""
    return Counts(counts.count[days], counts.rows[days], None if counts.weekday is None else counts.weekday[days])


def alarms(
    way: str, kind: Kind, classes: int, reference: int, days: int, seeds: int, rise: float = 0.0, level: float = 0.01
) -> Outcome:
    """Watch the shares of classes in streams of many seeds; a rise comes on day 30 of the stream."""
    random = [np.random.default_rng([seed, kind.rows, classes, reference]) for seed in range(seeds)]
    drawn = [counts(rng, kind, reference + days, classes, rise, reference + START) for rng in random]
    sides = [(part(one, slice(reference, None)), part(one, slice(reference))) for one in drawn]
    learned = [day_spread.pooled(base.contrast(np.eye(classes)[_common(base)])) for _, base in sides]
    watching = _squares if way == "sum of squares" else _shares
    found = watching(way, sides, learned, level)
    incidents, first, delays, last = 0, {}, {}, {}
    for seed, day in sorted(found, key=lambda alarm: alarm[1]):
        incidents += day - last.get(seed, -AGAIN - 1) > AGAIN
        last[seed] = day
        first.setdefault(seed, day + 1)
        if day >= START:
            delays.setdefault(seed, day - START + 1)
    waited = np.array([delays.get(seed, np.inf) for seed in range(seeds)])
    until = sum(first.get(seed, days) for seed in range(seeds))
    return Outcome(incidents, len(found), days * seeds, len(first), until, waited)


def _common(base: Counts) -> NDArray[np.bool_]:
    """Return which classes teach the spread between days, as in `monitoring.spread`."""
    return np.asarray(base.count.sum(axis=0) >= 0.05 * base.count.sum())


def _shares(way: str, sides: Sides, learned: list[Pooled], level: float) -> list[Alarm]:
    classes = sides[0][0].count.shape[1]
    wide = [np.eye(classes)] if way == "together" else list(np.eye(classes)[:, None])
    found = [
        Rate(str(seed), tuple(str(name) for name in np.flatnonzero(rows.any(axis=0))),
             *(side.contrast(rows) for side in both), lambda value, expected: 1.0, 0.0)
        for seed, both in enumerate(sides)
        for rows in wide
    ]  # fmt: skip
    spread = Pooled(*(np.repeat([float(one[at]) for one in learned], classes) for at in range(3)))
    log = SimpleNamespace(level=level, spread=spread)
    table = rates.watch("classes", log, found, [1 / len(wide)] * len(found))
    return list(zip(table["place"].astype(int).tolist(), table["day"].tolist(), strict=True))


def _squares(way: str, sides: Sides, learned: list[Pooled], level: float) -> list[Alarm]:
    """Watch the sums of squares of the windows' normal scores; after an alarm each contrast is learned anew."""
    white = [_whitened(base.count.sum(axis=0)) for _, base in sides]
    now, base = (
        Daily.beside([side.contrast(rows) for side, rows in zip(both, white, strict=True)])
        for both in zip(*sides, strict=True)
    )
    width = len(white[0])
    spread = Pooled(*(np.repeat([float(one[at]) for one in learned], width) for at in range(3)))
    one = changes._Watch(replace(now, unit=base.unit, lean=base.lean), base, level, lambda *_: True, spread, None)
    found = []
    for day in range(len(now.value)):
        one._learn(day)
        starts = np.maximum(day + 1 - changes.WINDOWS, 0)
        z, over = one._tested(day, starts)
        limit = (np.abs(z) - over)[:, ::width]  # infinite where a window may not be looked at
        square = (z**2).reshape(len(z), len(sides), width).sum(axis=2)
        joint = -norm.ppf(np.maximum(chi2.sf(square, width), 1e-300) / 2) - limit
        for seed in np.flatnonzero(joint.max(axis=0) > 0).tolist():
            found.append((seed, day))
            window = joint[:, seed].argmax()
            for column in range(seed * width, (seed + 1) * width):
                one._change(column, day, int(starts[window]), float(z[window, column]))
    return found


def _whitened(count: Floats) -> Floats:
    """Return K - 1 contrasts of the shares that are uncorrelated and have the variance 1 in one row."""
    share = (count + 0.5) / (count + 0.5).sum()
    values, vectors = np.linalg.eigh(np.diag(share) - np.outer(share, share))
    return (vectors[:, 1:] / np.sqrt(values[1:])).T

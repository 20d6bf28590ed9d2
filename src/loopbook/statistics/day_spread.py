"""Overdispersion between days: by how much more the means of days differ than those of independent rows would.

Rows of one day are alike (a weekday, a holiday, an event, a busy author), so the mean of a day of n rows has the
variance σ²(1/n + ρ), with the intraclass correlation ρ. A reference of a few days tells ρ badly for one quantity and
well for many: quantities of one stream are taken to resemble each other, as much as they are seen to.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

Floats = NDArray[np.float64]
Kinds = NDArray[np.int64]

FLOOR = 0.001
"""Smallest intraclass correlation that is assumed: the days' shares of 50% differ by 1.6 points at least."""
LEAST_VARIANCE = 1e-12
"""Smallest variance of a row, so that a day of a quantity that has never moved still has a weight."""
WEEKS, WEEKENDS = 4, 2
"""How often each weekday must have been seen to have a mean of its own, or else workdays and weekends."""


class Pooled(NamedTuple):
    """What the quantities of a stream have in common: correlation, relative variance, and its degrees of freedom."""

    correlation: float | Floats = FLOOR
    scale: float | Floats = 1.0
    freedom: float | Floats = 0.0


@dataclass(frozen=True, eq=False)
class Daily:
    """Rates of k quantities by day: means of rows, or shares and contrasts of classes (`daily_counts`).

    Attributes
    ----------
    value
        float64 [days, k]: the rate; NaN where there is none.
    inverse
        float64 [days, k]: its variance as of independent rows, in units of a row's: 1/n; inf where there is no rate.
    unit, lean
        float64 [k]: variance and skewness of one row.
    weekday
        int64 [days], 0 to 6; None where days have no names.
    """

    value: Floats
    inverse: Floats
    unit: Floats
    lean: Floats
    weekday: Kinds | None

    @classmethod
    def of(cls, columns: Iterable[Floats], day: Kinds, days: int, weekday: Kinds | None) -> Self:
        """Average the rows' values, each [n], by day [n]; NaN is left out."""
        sums = [_moments(values, day, days) for values in columns]
        if not sums:
            return cls(np.zeros((days, 0)), np.zeros((days, 0)), np.zeros(0), np.zeros(0), weekday)
        count, total = (np.stack([part[power] for part in sums], axis=1) for power in (0, 1))
        unit, lean = np.array([part[2] for part in sums]), np.array([part[3] for part in sums])
        with np.errstate(divide="ignore", invalid="ignore"):
            return cls(total / count, 1 / count, unit, lean, weekday)

    @classmethod
    def beside(cls, parts: Sequence[Self]) -> Self:
        """Return the quantities of several, of the same days, side by side."""
        columns = zip(*((part.value, part.inverse, part.unit, part.lean) for part in parts), strict=True)
        value, inverse, unit, lean = (np.concatenate(found, axis=-1) for found in columns)
        return cls(value, inverse, unit, lean, parts[0].weekday)

    def kinds(self) -> Kinds:
        """Return which days are of one kind, int64 [days] (`kinds`)."""
        return kinds(self.weekday, np.asarray(np.isfinite(self.inverse).any(axis=1)))


def kinds(weekday: Kinds | None, there: NDArray[np.bool_]) -> Kinds:
    """Return which days are of one kind, int64 [days]: each weekday its own, workday and weekend, or all one.

    Parameters
    ----------
    weekday
        0 for Monday, [days]; None: days have no names.
    there
        Which days have rows, [days].
    """
    if weekday is None:
        return np.zeros(len(there), "int64")
    seen = np.bincount(weekday[there], minlength=7)
    if seen.min() >= WEEKS:
        return weekday
    weekend = (weekday >= 5).astype("int64")
    return weekend if min(seen[:5].sum(), seen[5:].sum()) >= WEEKENDS else np.zeros_like(weekend)


def matched(now: Daily, base: Daily) -> tuple[Kinds, Kinds]:
    """Return the kind of each day of both, int64 [days] each: those of the base, or all one if `now` has no names."""
    kinds = base.kinds()
    several = int(kinds.max(initial=0))
    if several and now.weekday is not None:
        return now.weekday if several > 1 else (now.weekday >= 5).astype("int64"), kinds
    return np.zeros(len(now.value), "int64"), np.zeros(len(base.value), "int64")


@dataclass(frozen=True, eq=False)
class Fit:
    """Weighted means of a base by kind of day, and the squares around them.

    `weight` and `total` are [kinds, k]; `square` and `freedom` are the sum of squares and its degrees of freedom, [k].
    """

    weight: Floats
    total: Floats
    square: Floats
    freedom: Floats


def fit(base: Daily, kinds: Kinds, correlation: float | Floats) -> Fit:
    """Return means by kind of day, each day weighted by the inverse of its variance."""
    width = int(kinds.max(initial=0)) + 1
    there = np.isfinite(base.inverse)
    weights = np.where(there, 1 / (base.inverse + correlation), 0.0)
    values = np.where(there, base.value, 0.0)
    weight, total = (_by_day(part, kinds, width) for part in (weights, weights * values))
    means = total / np.maximum(weight, 1e-300)
    square = (weights * (values - means[kinds]) ** 2).sum(axis=0) / np.maximum(base.unit, 1e-300)
    return Fit(weight, total, square, np.maximum(there.sum(axis=0) - (weight > 0).sum(axis=0), 0).astype("float64"))


def pooled(base: Daily) -> Pooled:
    """Return what the quantities have in common: moments for ρ, and empirical Bayes for how alike they are in it.

    References
    ----------
    DerSimonian & Laird (1986), Meta-analysis in clinical trials, for ρ; Smyth (2004), Linear models and empirical
    Bayes methods, section 6.2, for the distribution of the variances.
    """
    alone = fit(base, base.kinds(), 0.0)
    kept = (alone.freedom > 0) & (alone.square > LEAST_VARIANCE)  # what never moves says nothing
    rows = np.where(np.isfinite(base.inverse), 1 / base.inverse, 0.0)
    every, days = np.maximum(rows.sum(axis=0), 1e-300), np.maximum((rows > 0).sum(axis=0), 2)
    excess = float((alone.square - alone.freedom)[kept].sum())
    expected = float(((every - (rows**2).sum(axis=0) / every) * alone.freedom / (days - 1))[kept].sum())
    correlation = max(FLOOR, min(0.9, excess / expected)) if expected > 0 else FLOOR
    found = fit(base, base.kinds(), correlation)
    kept = (found.freedom > 0) & (found.square > LEAST_VARIANCE)
    return Pooled(correlation, *_prior(found.square[kept] / found.freedom[kept], found.freedom[kept]))


def _prior(variance: Floats, freedom: Floats) -> tuple[float, float]:
    """Return the variances' common scale, and how many degrees of freedom it is worth for each of them."""
    if len(variance) < 3:
        return 1.0, 0.0
    logs = np.log(variance) - digamma(freedom / 2) + np.log(freedom / 2)
    spread = float(logs.var(ddof=1) - polygamma(1, freedom / 2).mean())
    most = float((len(freedom) - 1) * freedom.mean() / 2)  # no more than the others have seen
    worth = most if spread <= 0 else min(most, 2 * _inverse_trigamma(spread))
    return float(np.exp(logs.mean() + digamma(worth / 2) - np.log(worth / 2))), worth


def _inverse_trigamma(value: float) -> float:
    """Return x with trigamma(x) = value, by Newton's method on its reciprocal."""
    at = 0.5 + 1 / value
    for _ in range(20):
        slope = float(polygamma(1, at))
        at += slope * (1 - slope / value) / float(polygamma(2, at))
    return at


def _moments(values: Floats, day: Kinds, days: int) -> tuple[Floats, Floats, float, float]:
    """Return rows and sums by day, [days] each, and variance and skewness of a row.

    The variance of a share that is 0 or 1 throughout is that of half a row: what was never seen may come once.
    """
    there = ~np.isnan(values)
    kept = values[there]
    count, total = (np.bincount(day[there], weights=part, minlength=days).astype("float64") for part in (None, kept))
    if not len(kept):
        return count, total, LEAST_VARIANCE, 0.0
    off = kept - kept.mean()
    unit = max(LEAST_VARIANCE, float((off**2).sum()) / max(1, len(kept) - 1))
    if unit <= LEAST_VARIANCE and kept[0] in (0.0, 1.0):
        share = 0.5 / (len(kept) + 1)
        return count, total, share * (1 - share), (1 - 2 * share) / float(np.sqrt(share)) * (1 - 2 * kept[0])
    return count, total, unit, float((off**3).mean()) / unit**1.5


def _by_day(values: Floats, day: Kinds, days: int) -> Floats:
    """Sum values [n, k] by day, float64 [days, k]."""
    result = np.zeros((days, values.shape[1]))
    np.add.at(result, day, values)
    return result

"""Conformal prediction: the predictive distribution of a number, from the residuals of rows that no model has learned.

A number's true value lies below the r-th smallest of m residuals, added to its prediction, with probability r/(m + 1),
whatever the model and the distribution, if the rows are exchangeable with those that the residuals are of. So the
quantile of level a is at rank a(m + 1), between two ranks on the line through them. Residuals are divided by a scale,
so that the interval is wide where the model errs much; what holds on the average then holds nearly in each segment.

References
----------
Papadopoulos et al. (2002), Inductive confidence machines for regression; Papadopoulos & Haralambous (2011), Reliable
prediction intervals with regression neural networks, for the scale; Vovk, Shen, Manokhin & Xie (2017), Nonparametric
predictive distributions based on conformal prediction, for all levels together.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.scenario.errors import DataError
from loopbook.statistics import folds, metrics
from loopbook.statistics.intervals import wilson

Floats = NDArray[np.float64]

LEVELS = np.arange(1, 100) / 100
"""Levels of the quantiles that stand for a distribution."""
LEAST = 19
"""Residuals that the interval of 90% needs: with fewer, no rank is low or high enough for it."""

_FOLDS = 5
_BIN, _BINS = 50, 10  # so many rows tell the size of the residuals about a prediction; at so many predictions
_NARROW = 0.05  # of the residuals' mean size: where they are all 0, the next one need not be


@dataclass(frozen=True)
class Predictive:
    """How far true values lie from predicted ones.

    Attributes
    ----------
    offsets
        Quantiles of the levels `LEVELS` of the residuals, each divided by its scale, ascending, float64 [99].
    at, size
        The scale: mean size of the residuals about some predictions, ascending, each float64 [b]; a line in between.
    count
        Residuals that they are of.
    """

    offsets: Floats
    at: Floats
    size: Floats
    count: int

    def quantiles(self, value: ArrayLike, scale: ArrayLike | None = None) -> Floats:
        """Return the quantiles of the levels `LEVELS`, ascending, float64 [n, 99].

        Parameters
        ----------
        value
            Predictions, [n].
        scale
            Above 0, [n]; only if `fitted` was given one.
        """
        centre = np.asarray(value, dtype=np.float64)
        width = np.interp(centre, self.at, self.size) if scale is None else np.asarray(scale, dtype=np.float64)
        return centre[:, None] + width[:, None] * self.offsets

    @property
    def unreached(self) -> Floats:
        """Levels that so few residuals do not reach; the outermost residual stands for them."""
        return LEVELS[np.minimum(LEVELS, 1 - LEVELS) * (self.count + 1) < 1 - 1e-9]

    @property
    def note(self) -> str:
        """What the residuals do not tell, as a sentence; empty if they are enough."""
        low = self.unreached[self.unreached < 0.5]
        if not len(low):
            return ""
        return (
            f"{self.count} residuals tell nothing below {low[-1] + 0.01:.0%} and above {0.99 - low[-1]:.0%}: the "
            "outermost residual stands for what lies beyond."
        )


def fitted(label: ArrayLike, value: ArrayLike, scale: ArrayLike | None = None) -> Predictive:
    """Return the predictive distribution that residuals teach.

    Parameters
    ----------
    label, value
        True and predicted numbers, [n], of rows that the model was not fitted on.
    scale
        How far each prediction is thought to be off, above 0, [n], such as the distance of two predicted quantiles;
        None: the mean size of the residuals about such a prediction, one for all where there are few.

    Raises
    ------
    DataError
        If there are fewer than `LEAST` rows, or numbers that are not finite, or a scale that is not above 0.
    """
    y, centre = np.asarray(label, dtype=np.float64), np.asarray(value, dtype=np.float64)
    apart = y - centre
    if len(apart) < LEAST:
        raise DataError(
            f"A number's interval of 90% needs at least {LEAST} rows that the model has not learned from, not "
            f"{len(apart)}. Give validation a larger share in data.splits."
        )
    at, size = _sizes(centre, np.abs(apart))
    width = np.interp(centre, at, size) if scale is None else np.asarray(scale, dtype=np.float64)
    if not np.isfinite(apart).all() or not (np.isfinite(width) & (width > 0)).all():
        raise DataError("Residuals must be finite numbers, and their scale above 0.")
    return Predictive(np.quantile(apart / width, LEVELS, method="weibull"), at, size, len(apart))


def cross_fitted(
    label: ArrayLike,
    value: ArrayLike,
    scale: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> Floats:
    """Return quantiles, float64 [n, 99], each row's by the residuals of others: so they may be judged on these rows.

    Groups stay together.

    Raises
    ------
    DataError
        As `fitted`; a fifth of the rows is needed besides.
    """
    y, centre = np.asarray(label, dtype=np.float64), np.asarray(value, dtype=np.float64)
    width = None if scale is None else np.asarray(scale, dtype=np.float64)
    fold = folds.grouped(np.arange(len(y)) if groups is None else groups, _FOLDS, seed)
    result = np.empty((len(y), len(LEVELS)))
    for number in np.unique(fold):
        held, rest = fold == number, fold != number
        known, asked = (None, None) if width is None else (width[rest], width[held])
        result[held] = fitted(y[rest], centre[rest], known).quantiles(centre[held], asked)
    return result


def below(quantiles: Floats, limits: ArrayLike) -> Floats:
    """Return the probability of a number up to each limit, float64 [n, limits]: between two quantiles on a line.

    Outside of all quantiles it is half of what lies beyond the outermost, so never 0 or 1: they tell no more.

    Parameters
    ----------
    quantiles
        Of the levels 1/(q+1) to q/(q+1), ascending, [n, q].
    """
    rows, count = np.arange(len(quantiles)), quantiles.shape[1]
    found = []
    for limit in np.atleast_1d(np.asarray(limits, dtype=np.float64)):
        place = (quantiles <= limit).sum(axis=1)
        low = quantiles[rows, np.maximum(place - 1, 0)]
        high = quantiles[rows, np.minimum(place, count - 1)]
        inside = (place > 0) & (place < count)
        part = np.divide(limit - low, high - low, out=np.full(len(rows), 0.5), where=inside)
        found.append((place + part) / (count + 1))
    return np.column_stack(found)


def bands(quantiles: Floats, limits: ArrayLike) -> Floats:
    """Return the probability of each band between ascending limits, float64 [n, limits + 1]; a row sums to 1."""
    edges = below(quantiles, limits)
    return np.diff(edges, axis=1, prepend=0.0, append=1.0)


def coverage(label: ArrayLike, quantiles: Floats, segment: ArrayLike) -> pd.DataFrame:
    """Return which share of each segment's numbers lies in their interval of 90%, with binomial limits.

    Returns
    -------
    DataFrame
        Index ``segment``; columns ``value`` (the share), ``low``, ``high`` (Wilson's interval, 95%), ``rows``, and
        whether the interval is ``apart`` from 90%: of twenty segments about one is by chance.
    """
    y = np.asarray(label, dtype=np.float64)
    names = pd.Index(pd.Series(np.asarray(segment)).astype(str), name="segment")
    found = {}
    for name in sorted(names.unique()):
        rows = names == name
        found[name] = (*wilson(metrics.score("coverage", y[rows], quantiles[rows]), int(rows.sum())), int(rows.sum()))
    table = pd.DataFrame.from_dict(found, orient="index", columns=["value", "low", "high", "rows"]).rename_axis(
        "segment"
    )
    return table.assign(apart=(table["low"] > metrics.COVERED) | (table["high"] < metrics.COVERED))


def _sizes(value: Floats, apart: Floats) -> tuple[Floats, Floats]:
    """Return predictions, and the mean size of the residuals about each."""
    order = np.argsort(value, kind="stable")
    parts = np.array_split(order, int(np.clip(len(order) // _BIN, 1, _BINS)))
    at, size = (np.array([each[part].mean() for part in parts]) for each in (value, apart))
    return at, np.maximum(size, _NARROW * apart.mean() if apart.any() else 1.0)

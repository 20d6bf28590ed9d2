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

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loopbook.scenario.errors import DataError

Floats = NDArray[np.float64]

LEVELS = np.arange(1, 100) / 100
"""Levels of the quantiles that stand for a distribution."""
LEAST = 19
"""Residuals that the interval of 90% needs: with fewer, no rank is low or high enough for it."""


def check(count: int) -> None:
    """Refuse fewer than `LEAST` rows by a DataError."""
    if count < LEAST:
        raise DataError(
            f"A number's interval of 90% needs at least {LEAST} rows that the model has not learned from, not {count}. "
            "Give validation a larger share in data.splits."
        )


def offsets(label: ArrayLike, value: ArrayLike, scale: ArrayLike | float = 1.0) -> Floats:
    """Return how far true numbers lie from predicted ones, in scales: quantiles of the levels `LEVELS`, float64 [99].

    Parameters
    ----------
    label, value
        True and predicted numbers, [n], of rows that the model was not fitted on.
    scale
        How far each prediction is thought to be off, above 0, [n]; a number: all are alike.

    Raises
    ------
    DataError
        If there are fewer than `LEAST` rows, or numbers that are not finite, or a scale that is not above 0.
    """
    width = np.asarray(scale, dtype=np.float64)
    residual = np.asarray(label, dtype=np.float64) - np.asarray(value, dtype=np.float64)
    check(len(residual))
    if not np.isfinite(residual).all() or not (np.isfinite(width) & (width > 0)).all():
        raise DataError("Residuals must be finite numbers, and their scale above 0.")
    return np.quantile(residual / width, LEVELS, method="weibull")


def quantiles(value: ArrayLike, apart: Floats, scale: ArrayLike | float = 1.0) -> Floats:
    """Return the quantiles of each prediction's distribution, ascending, float64 [n, 99].

    Parameters
    ----------
    value
        Predictions, [n].
    apart
        As `offsets` returns them.
    scale
        As it was given to `offsets`, of these predictions.
    """
    centre = np.asarray(value, dtype=np.float64)[:, None]
    return centre + np.asarray(scale, dtype=np.float64).reshape(-1, 1) * apart


def note(count: int) -> str:
    """Return what so many residuals do not tell, as a sentence; empty if they are enough."""
    reached = LEVELS[LEVELS * (count + 1) > 1 - 1e-9][0]
    if reached == LEVELS[0]:
        return ""
    return (
        f"{count} residuals tell nothing below {reached:.0%} and above {1 - reached:.0%}: the outermost one stands for "
        "what lies beyond."
    )


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

"""95 % intervals in closed form, for figures that are known before any model is fitted."""

from __future__ import annotations

from math import nan, sqrt

import numpy as np

Z = 1.959963984540054  # quantile of the standard normal distribution


def share(mean: float, count: int) -> tuple[float, float, float]:
    """Return a share and the ends of its interval; NaN if nothing was counted.

    It serves the mean of any quantity in [0, 1] as well: the variance of such a quantity is at most that of a
    yes-or-no one with the same mean, so the interval is then rather too wide than too narrow. Unlike the t interval
    it exists for a single value, is not a point when all values agree, and stays within [0, 1].

    Parameters
    ----------
    mean
        The share, or the mean, in [0, 1].
    count
        Over how many values.

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    if count == 0:
        return nan, nan, nan
    centre = (mean + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * sqrt(mean * (1 - mean) / count + Z**2 / (4 * count**2))
    return mean, max(0.0, centre - half), min(1.0, centre + half)


def area(truth: np.ndarray, score: np.ndarray) -> tuple[float, float, float]:
    """Return the area under the ROC curve, ties counted half, and the ends of its interval.

    Parameters
    ----------
    truth
        bool [n]; both classes must occur. With one row in a class the interval is all of [0, 1].
    score
        float [n]; higher means more likely true.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson (1988), Comparing the areas under two or more correlated receiver operating
    characteristic curves: a nonparametric approach.
    """
    positive, negative = np.sort(score[truth]), np.sort(score[~truth])
    # For each positive the share of negatives below it, and for each negative the share of positives above it.
    below = (np.searchsorted(negative, positive, "left") + np.searchsorted(negative, positive, "right")) / 2
    above = (np.searchsorted(positive, negative, "left") + np.searchsorted(positive, negative, "right")) / 2
    below, above = below / len(negative), 1 - above / len(positive)
    found = float(below.mean())
    if min(len(positive), len(negative)) < 2:
        return found, 0.0, 1.0
    half = Z * sqrt(np.var(below, ddof=1) / len(positive) + np.var(above, ddof=1) / len(negative))
    return found, max(0.0, found - half), min(1.0, found + half)

"""Significance: p values of paired differences over folds, and Holm's correction for many of them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loopbook.statistics.intervals import student


def p_value(differences: ArrayLike, folds: int) -> float:
    """Return the two-sided p value of the corrected resampled t-test: that the mean of differences is 0.

    Parameters
    ----------
    differences
        A paired difference for each fold of each repeat.
    folds
        Folds in a repeat.

    Returns
    -------
    float
        Below 0.05 where the interval that `student` gives does not hold 0; 1 if all differences are 0, or fewer than
        two are known.

    References
    ----------
    Nadeau & Bengio (2003), Inference for the generalization error.
    """
    from scipy.stats import t

    known = np.asarray(differences, dtype=np.float64)
    known = known[np.isfinite(known)]
    mean = student(known, folds)
    if len(known) < 2 or not mean.half > 0:
        return 0.0 if len(known) > 1 and mean.value else 1.0
    freedom = len(known) - 1
    return float(2 * t.sf(abs(mean.value) / mean.half * t.ppf(0.975, freedom), freedom))


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Return p values [n] corrected so that with all of them the chance of one false finding keeps its level.

    References
    ----------
    Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    given = np.asarray(p, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    stepped = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    corrected = np.empty(len(given))
    corrected[order] = np.minimum(1.0, stepped)
    return corrected

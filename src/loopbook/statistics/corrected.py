"""The corrected interval of figures from folds that share most of their rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

_CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A mean over folds with its 95 % interval."""

    value: float
    low: float
    high: float


def interval(values: ArrayLike, folds: int) -> Interval:
    """Return the mean of a figure over all folds of all repeats, with an interval that is honest about their overlap.

    Two folds' models have learnt from mostly the same rows, so their figures vary together and the plain standard error
    of the mean is far too small. The variance of the mean is taken as :math:`(1/J + 1/(k-1)) s^2`, for J figures with
    the variance :math:`s^2` from k folds: k - 1 is how often the held-out rows go into the others.

    Parameters
    ----------
    values
        A figure for each fold; those that are no numbers, as of a fold with one class, are left out.
    folds
        Folds in a repeat.

    Returns
    -------
    Interval
        All NaN if there are no figures; without ends if there is only one.

    References
    ----------
    Nadeau & Bengio (2003), Inference for the generalization error, section 3.2.1 (the corrected resampled t-test);
    Bouckaert & Frank (2004), Evaluating the replicability of significance tests, for repeated cross-validation.
    """
    from scipy.stats import t

    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return Interval(np.nan, np.nan, np.nan)
    mean = float(known.mean())
    if len(known) == 1:
        return Interval(mean, np.nan, np.nan)
    error = np.sqrt((1 / len(known) + 1 / (folds - 1)) * known.var(ddof=1))
    half = float(t.ppf((1 + _CONFIDENCE) / 2, len(known) - 1) * error)
    return Interval(mean, mean - half, mean + half)

"""Confidence intervals, 95%: of a share (Wilson), a rate (Garwood), a mean (Student), a ROC curve's area (DeLong)."""

from math import isfinite, nan, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from loopbook.statistics import metrics

Z = 1.959963984540054  # quantile of the standard normal distribution


class Interval(NamedTuple):
    """An estimate with the ends of its confidence interval; NaN where there is nothing to estimate from."""

    value: float
    low: float
    high: float

    @property
    def half(self) -> float:
        """Half of the interval's width."""
        return (self.high - self.low) / 2

    def recorded(self, name: str) -> dict[str, float]:
        """Return it as flat numbers: the value under a name, and its ends with ``_low`` and ``_high``."""
        return dict(zip((name, f"{name}_low", f"{name}_high"), self, strict=True))


NOTHING = Interval(nan, nan, nan)


def between(low: float, high: float, form: str = ",.3f") -> str:
    """Return the ends of an interval in words and in a number's form, or why there are none."""
    return f"{low:{form}} to {high:{form}}" if isfinite(low) and isfinite(high) else "too few groups for an interval"


def saved(saving: Interval, currency: str, form: str = ",.2f") -> str:
    """Return a saving a decision in words: a loss is what something costs more, never a saving below zero."""
    value, low, high = saving
    if value < 0:
        return f"costs {-value:{form}} {currency} a decision more ({between(-high, -low, form)})"
    return f"saves {value:{form}} {currency} a decision ({between(low, high, form)})"


def wilson(share: float, count: float) -> Interval:
    """Return a share with its Wilson score interval.

    It serves the mean of any quantity in [0, 1] as well: the variance of such a quantity is at most that of a
    yes-or-no one with the same mean, so the interval is then rather too wide than too narrow. Unlike the t interval
    it exists for a single value, is not a point when all values agree, and stays within [0, 1].

    Parameters
    ----------
    share
        The share, or the mean, in [0, 1].
    count
        Over how many values.

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    if count == 0:
        return NOTHING
    centre = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half))


def poisson(count: int, exposure: float) -> Interval:
    """Return a rate of events by exposure with its exact interval (Garwood 1936)."""
    from scipy.stats import chi2

    if exposure <= 0:
        return NOTHING
    low, high = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0, chi2.ppf(0.975, 2 * count + 2) / 2
    return Interval(count / exposure, float(low) / exposure, float(high) / exposure)


def student(values: ArrayLike, folds: int | None = None) -> Interval:
    """Return a mean with its Student interval, of independent values or of the folds of repeated cross-validation.

    Two folds' models have learnt from mostly the same rows, so their figures vary together and the plain standard error
    of the mean is far too small. The variance of the mean is taken as :math:`(1/J + 1/(k-1)) s^2`, for J figures with
    the variance :math:`s^2` from k folds: k - 1 is how often the held-out rows go into the others.

    Parameters
    ----------
    values
        Those that are no numbers, as of a fold with one class, are left out.
    folds
        Folds in a repeat, where `values` are a figure for each fold; None: the values are independent.

    Returns
    -------
    Interval
        All NaN if there are no values; without ends if there is only one.

    References
    ----------
    Nadeau & Bengio (2003), Inference for the generalization error, section 3.2.1 (the corrected resampled t-test);
    Bouckaert & Frank (2004), Evaluating the replicability of significance tests, for repeated cross-validation.
    """
    from scipy.stats import t

    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if len(known) < 2:
        return Interval(float(known[0]), nan, nan) if len(known) else NOTHING
    mean, overlap = float(known.mean()), 0.0 if folds is None else 1 / (folds - 1)
    half = float(t.ppf(0.975, len(known) - 1) * np.sqrt((1 / len(known) + overlap) * known.var(ddof=1)))
    return Interval(mean, mean - half, mean + half)


def clustered(values: ArrayLike, groups: ArrayLike, level: float = 0.05) -> Interval:
    """Return a mean of values [n] with its Student interval; rows are independent but within groups [n].

    It holds with few groups as well, where a bootstrap of them has too few resamples to be wide enough.

    Parameters
    ----------
    values, groups
        A value a row, and the group of each, such as its day. Of a single group there is no interval.
    level
        Probability that the interval misses, both sides together.

    References
    ----------
    Liang & Zeger (1986), Longitudinal data analysis using generalized linear models: the variance from groups; with
    G / (G - 1) and Student's quantile of G - 1 degrees, as Cameron & Miller (2015), A practitioner's guide to
    cluster-robust inference, section VI, advise for few groups.
    """
    from scipy.special import stdtrit

    each = np.asarray(values, dtype=np.float64)
    mean, members = float(each.mean()), np.unique(np.asarray(groups), return_inverse=True)[1]
    sums = np.bincount(members, weights=each - mean)
    if len(sums) < 2:
        return Interval(mean, nan, nan)
    error = sqrt(len(sums) / (len(sums) - 1) * float((sums**2).sum())) / len(each)
    half = float(stdtrit(len(sums) - 1, 1 - level / 2)) * error
    return Interval(mean, mean - half, mean + half)


def delong(label: ArrayLike, score: ArrayLike, groups: ArrayLike | None = None) -> Interval:
    """Return the area under the ROC curve with DeLong's interval; rows are independent but within groups.

    Parameters
    ----------
    label
        0 or 1 [n]; both classes must occur. With one row in a class the interval is all of [0, 1].
    score
        float [n]; higher means more likely 1.
    groups
        int [n], such as days, whose rows may be alike; None: every row by itself. It never makes the interval smaller.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson (1988), Comparing the areas under two or more correlated receiver operating
    characteristic curves: a nonparametric approach; Obuchowski (1997), Nonparametric analysis of clustered ROC curve
    data.
    """
    yes, s = np.asarray(label) == 1, np.asarray(score, dtype=np.float64)
    area = metrics.score("roc_auc", yes, s)
    positive, negative = np.sort(s[yes]), np.sort(s[~yes])
    if min(len(positive), len(negative)) < 2:
        return Interval(area, 0.0, 1.0)
    # For each positive the share of negatives below it, and for each negative the share of positives above it.
    below = (np.searchsorted(negative, s[yes], "left") + np.searchsorted(negative, s[yes], "right")) / 2 / len(negative)
    under = (np.searchsorted(positive, s[~yes], "left") + np.searchsorted(positive, s[~yes], "right")) / 2
    above = 1 - under / len(positive)
    variance = float(np.var(below, ddof=1) / len(positive) + np.var(above, ddof=1) / len(negative))
    if groups is not None:
        part = np.zeros(len(s))
        part[yes], part[~yes] = (below - area) / len(positive), (above - area) / len(negative)
        sums = np.bincount(np.unique(np.asarray(groups), return_inverse=True)[1], weights=part)
        variance = max(variance, float((sums**2).sum()) * len(sums) / max(1, len(sums) - 1))
    half = Z * sqrt(variance)
    return Interval(area, max(0.0, area - half), min(1.0, area + half))

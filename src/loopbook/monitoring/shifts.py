"""Tail probabilities of standardised means, the windows that are looked at, and their limits."""

import numpy as np
from scipy.special import gammainc, gammaincc, ndtri

from loopbook.statistics.day_spread import Floats

LENGTHS = (1, 2, 3, 5, 7, 10, 14, 21, 28)
"""Days that the current window may have; the scenario's longest window ends the list."""
WINDOWS = np.array([2, 3, 4, 5, 6, 8, 10, 12, 15, 19, 24, 30, 38, 48])
"""Days of the windows in which a change of level is looked for (`changes`)."""
_SHARE = 2.6
"""Calibrated by simulation, for levels from 0.01 to 0.00001, so that all windows together keep the level."""


def limits(level: float | Floats) -> Floats:
    """Return the limits of windows of 0 to 48 days, float64 [49, k], for a two-sided false-alarm probability a day.

    A window of m days comes anew every m days, so its p-value may be m times as large; the square of the logarithm
    stands for the days in a row on which neighbouring windows exceed a limit together. Below two days: infinite.

    References
    ----------
    Siegmund & Venkatraman (1995), Using the generalized likelihood ratio statistic for sequential detection of a
    change-point; Chan & Walther (2013), Detection with the scan and the average likelihood ratio, for limits by length.
    """
    levels = np.minimum(np.atleast_1d(np.asarray(level, "float64")), 0.1)
    days = np.arange(WINDOWS[-1] + 1)[:, None]
    found = -ndtri(np.minimum(_SHARE * days * levels / np.log(levels) ** 2, 1.0) / 2)
    return np.where(days >= WINDOWS[0], found, np.inf)


def detectable(level: float, days: int, reference: int) -> float:
    """Return the change that is found within some days more often than not, in standard deviations between days."""
    return float(limits(level)[days, 0] * np.sqrt(1 / days + 1 / reference))


def tail(z: float, skewness: float) -> float:
    """Return the two-sided p-value of a standardised mean whose distribution has this skewness.

    A gamma distribution with the same three moments stands for the mean's: right to the next order after the normal
    distribution, and monotone in the far tails, where the Edgeworth series is not.

    References
    ----------
    Hall (1983), Chi squared approximations to the distribution of a sum of independent random variables.
    """
    shape = 4 / max(abs(skewness), 1e-3) ** 2
    at = max(shape + (-z if skewness <= -1e-3 else z) * np.sqrt(shape), 0.0)
    return min(1.0, 2 * min(float(gammaincc(shape, at)), float(gammainc(shape, at))))

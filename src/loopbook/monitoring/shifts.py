"""Tail probabilities of standardised means, and the lengths of the windows that are looked at."""

import numpy as np
from scipy.special import gammainc, gammaincc

LENGTHS = (1, 2, 3, 5, 7, 10, 14, 21, 28)
"""Days that the current window may have; the scenario's longest window ends the list."""


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

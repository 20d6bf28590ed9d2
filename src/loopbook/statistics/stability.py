"""Population stability index: how far two distributions over the same bins are apart."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BINS = 10
"""Bins of a number, the deciles of the distribution that is compared with."""


def index(now: Floats, base: Floats) -> float:
    """Return the population stability index of two distributions over the same bins, with its bias taken off.

    PSI = Σ (p - q) ln(p/q). Where nothing has changed, chance alone gives about (bins - 1)(1/n + 1/m); that much is
    subtracted, so that small windows do not look like drift.

    Parameters
    ----------
    now, base
        Counts by bin, float64 [bins].

    References
    ----------
    Yurdakul & Naranjo (2020), Statistical properties of the population stability index.
    """
    kept = (now + base) > 0
    now, base = now[kept], base[kept]
    n, m = now.sum(), base.sum()
    if n == 0 or m == 0:
        return 0.0
    p, q = (now + 0.5) / (n + 0.5 * len(now)), (base + 0.5) / (m + 0.5 * len(base))
    raw = float(((p - q) * np.log(p / q)).sum())
    return max(0.0, raw - float((len(now) - 1) * (1 / n + 1 / m)))

"""Tail probabilities: how rarely a score as high comes of what is normal, also beyond all that was seen."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_BODY = 0.8  # up to this quantile shares are counted, beyond it the tail is a curve


class Tail(NamedTuple):
    """The survival function of scores: counted up to a level, exponential beyond it.

    Scores are logarithms here, so the tail of what they are logarithms of falls by a power (Pareto).

    Attributes
    ----------
    known
        Scores of normal rows, ascending, float64 [n].
    level
        Where the exponential part begins.
    scale
        Mean excess over it.

    References
    ----------
    Pickands (1975), Statistical inference using extreme order statistics; Siffer et al. (2017), Anomaly detection in
    streams with extreme value theory: here with the shape 0, since so few excesses say nothing of it.
    """

    known: Floats
    level: float
    scale: float

    @classmethod
    def of(cls, scores: ArrayLike) -> Self:
        """Return the tail of scores of normal rows that nothing was learned from; of fewer than two, a plain one."""
        known = np.sort(np.asarray(scores, dtype=np.float64))
        if len(known) < 2:
            return cls(known, float(known[0]) if len(known) else 0.0, 1.0)
        level = float(np.quantile(known, _BODY))
        above = known[known > level] - level
        return cls(known, level, max(float(above.mean()) if len(above) else 0.0, 1e-6))

    def probability(self, scores: ArrayLike) -> Floats:
        """Return how probable a score at least as high is among normal rows, float64 [m], above 0."""
        z, n = np.asarray(scores, dtype=np.float64), max(1, len(self.known))
        if n < 2:
            return np.full(z.shape, 0.5)
        counted = np.interp(z, self.known, 1 - (np.arange(n) + 0.5) / (n + 1), left=1.0)
        edge = float(np.interp(self.level, self.known, 1 - (np.arange(n) + 0.5) / (n + 1)))
        beyond = edge * np.exp(-np.maximum(z - self.level, 0) / self.scale)
        return np.where(z > self.level, np.maximum(beyond, 1e-300), counted)


def posterior(tail: ArrayLike, prior: float) -> Floats:
    """Return the probability of a failure that a tail probability allows, at most; it never falls below the prior.

    Parameters
    ----------
    tail
        Tail probabilities under what is normal.
    prior
        Share of rows that belong to a failure.

    References
    ----------
    Sellke, Bayarri & Berger (2001), Calibration of p values for testing precise null hypotheses: the evidence for the
    null is no less than -e p log p, whatever the alternative.
    """
    p = np.clip(np.asarray(tail, dtype=np.float64), 1e-300, 1.0)
    bound = np.where(p < np.exp(-1), -np.e * p * np.log(p), 1.0)
    return np.asarray(prior / (prior + (1 - prior) * bound))

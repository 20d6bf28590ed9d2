r"""A contextual bandit over lists: linear relevance in features of user and item, with what is not yet known of it.

Under the position-based model a click at place k has the mean :math:`\theta_k\, w^\top x`. The weights are estimated by
ridge regression of clicks on :math:`\theta_k x`, so that a place that is rarely looked at hardly counts; a list is the
top of the scores that `ucb` or `thompson` gives, by `lists.compose`.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_NOISE = 0.2
"""Variance of a click about its mean, at most a quarter."""


@dataclass(frozen=True, eq=False)
class Bandit:
    """What is known of the weights, a normal distribution: its precision [d, d], and precision times mean [d]."""

    precision: Floats
    moment: Floats

    @classmethod
    def start(cls, mean: ArrayLike, sure: float = 1.0) -> "Bandit":
        """Return what is believed before the first click: weights around `mean` [d] with the variance 1 / `sure`."""
        prior = np.asarray(mean, dtype=np.float64)
        return cls(sure * np.eye(len(prior)), sure * prior)

    @property
    def weights(self) -> Floats:
        """Mean of the weights, float64 [d]."""
        return np.asarray(np.linalg.solve(self.precision, self.moment))

    def learn(self, x: ArrayLike, examination: ArrayLike, clicks: ArrayLike) -> "Bandit":
        """Return what is known after places were shown, in any order.

        Parameters
        ----------
        x, examination, clicks
            Features [m, d] of what stood at a place, how probable it is that it is looked at, and whether it was taken.
        """
        seen = np.asarray(x, dtype=np.float64) * np.asarray(examination, dtype=np.float64)[:, None]
        moment = self.moment + seen.T @ np.asarray(clicks, dtype=np.float64) / _NOISE
        return replace(self, precision=self.precision + seen.T @ seen / _NOISE, moment=moment)

    def mean(self, x: ArrayLike) -> Floats:
        """Return the expected relevance of features [..., d]."""
        return np.asarray(np.asarray(x, dtype=np.float64) @ self.weights)

    def ucb(self, x: ArrayLike, width: float = 1.0) -> Floats:
        """LinUCB: return the expected relevance of features [..., d] and `width` standard errors more.

        References
        ----------
        Li, Chu, Langford & Schapire (2010), A contextual-bandit approach to personalized news article recommendation;
        Lagrée, Vernade & Cappé (2016), Multiple-play bandits in the position-based model.
        """
        features = np.asarray(x, dtype=np.float64)
        half = np.linalg.cholesky(self.precision)
        flat = np.linalg.solve(half, features.reshape(-1, features.shape[-1]).T)
        return np.asarray(self.mean(features) + width * np.sqrt((flat**2).sum(axis=0)).reshape(features.shape[:-1]))

    def thompson(self, x: ArrayLike, rng: np.random.Generator) -> Floats:
        """Thompson sampling: return the relevance of features [..., d] under weights that are drawn once.

        Given that draw a list is as certain as any other: what `compose` keeps as propensity holds, given the draw.

        References
        ----------
        Agrawal & Goyal (2013), Thompson sampling for contextual bandits with linear payoffs.
        """
        half = np.linalg.cholesky(self.precision)
        drawn = self.weights + np.linalg.solve(half.T, rng.normal(size=len(self.moment)))
        return np.asarray(np.asarray(x, dtype=np.float64) @ drawn)

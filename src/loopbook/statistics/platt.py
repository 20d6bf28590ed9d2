"""Two numbers that set probabilities right on given rows, and back again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_EDGE = 1e-6


@dataclass(frozen=True)
class Scale:
    """A line on the log-odds: logit of the true probability = `slope` · logit of the stated one + `intercept`."""

    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, probability: ArrayLike) -> NDArray[np.float64]:
        """Return the probabilities set right, float [n]."""
        return 1 / (1 + np.exp(-(self.slope * _logit(probability) + self.intercept)))

    def invert(self, probability: float) -> float:
        """Return the stated probability behind one that has been set right; 0 and 1 stay what they are."""
        if not 0 < probability < 1:
            return float(np.clip(probability, 0, 1))
        return float(1 / (1 + np.exp(-(_logit(probability) - self.intercept) / self.slope)))


def fit(label: ArrayLike, probability: ArrayLike) -> Scale:
    """Return the scale that makes labels likeliest, or none at all where the rows cannot tell.

    They cannot where one class is missing, all probabilities are the same, or the likeliest line falls. The targets
    are a little softer than 0 and 1, so that the line stays finite where the classes separate perfectly.

    Parameters
    ----------
    label
        0 or 1 [n], of rows on which the model was not fitted.
    probability
        float [n].

    References
    ----------
    Platt (1999), Probabilistic outputs for support vector machines; section 2.2 for the softened targets.
    """
    from scipy.optimize import minimize

    truth, score = np.asarray(label) == 1, _logit(probability)
    yes, no = int(truth.sum()), int((~truth).sum())
    if not yes or not no or np.ptp(score) < _EDGE:
        return Scale()
    target = np.where(truth, (yes + 1) / (yes + 2), 1 / (no + 2))

    def loss(line: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logit = line[0] * score + line[1]
        error = 1 / (1 + np.exp(-logit)) - target
        return float((np.logaddexp(0, logit) - target * logit).mean()), np.array([(error * score).mean(), error.mean()])

    slope, intercept = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B").x
    return Scale(float(slope), float(intercept)) if slope > _EDGE else Scale()


def _logit(probability: ArrayLike) -> NDArray[np.float64]:
    p = np.clip(np.asarray(probability, dtype=np.float64), _EDGE, 1 - _EDGE)
    return np.asarray(np.log(p / (1 - p)), dtype=np.float64)

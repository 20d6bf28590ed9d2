"""Calibration of probabilities: temperature scaling of the logits of two classes or of many, and Platt scaling."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loopbook.statistics import targets
from loopbook.statistics.scores import cross_entropy, logit, sigmoid

_LIMITS = (0.05, 20.0)
EDGE = 1e-6
"""How far probabilities are kept from 0 and 1 before Platt scaling takes their logit."""


@dataclass(frozen=True)
class Platt:
    """Platt scaling: logit of the calibrated probability = `slope` · logit of the stated one + `intercept`."""

    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, probability: ArrayLike) -> NDArray[np.float64]:
        """Return calibrated probabilities, float64 [n]."""
        return sigmoid(self.slope * logit(probability, EDGE) + self.intercept)

    def invert(self, probability: float) -> float:
        """Return the stated probability behind a calibrated one; 0 and 1 stay what they are."""
        if not 0 < probability < 1:
            return float(np.clip(probability, 0, 1))
        return float(sigmoid((logit(probability, EDGE) - self.intercept) / self.slope))


def temperature(label: ArrayLike, logits: ArrayLike) -> float:
    """Return T for which the probabilities of ``logits / T`` have the smallest log loss.

    Labels are moved a little inwards, as if each of two classes had one more row that was mistaken, or all classes two
    together: otherwise a few rows that are all right would make every probability 0 or 1.

    Parameters
    ----------
    label
        0 or 1, or codes, [n]: rows that the model was not fitted on. Not every class needs to have some.
    logits
        [n] of two classes, through the sigmoid; [n, k] of many, through the softmax.

    Returns
    -------
    float
        In [0.05, 20]; 1 where all logits of a row are equal, because scaling them teaches nothing then.

    References
    ----------
    Guo et al. (2017), On calibration of modern neural networks, section 4.2. The targets are those of Platt (1999),
    Probabilistic outputs for support vector machines, section 2.3.
    """
    from scipy.optimize import minimize_scalar

    y, z = targets.numbers(label), np.asarray(logits, dtype=np.float64)
    if not np.ptp(z, axis=-1).any():
        return 1.0
    wanted = _inwards(y, z)
    # The loss is convex in 1/T, so the one minimum is found wherever the search begins.
    found = minimize_scalar(
        lambda inverse: cross_entropy(wanted, z * inverse).mean(),
        bounds=(1 / _LIMITS[1], 1 / _LIMITS[0]),
        method="bounded",
        options={"xatol": 1e-8},
    )
    return float(1 / found.x)


def _inwards(y: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what is wanted of the probabilities, of the shape of the logits."""
    if z.ndim == 1:
        return np.asarray(np.where(y > 0.5, (y.sum() + 1) / (y.sum() + 2), 1 / ((1 - y).sum() + 2)))
    classes, codes = z.shape[1], y.astype(np.int64)
    mistaken = 2 / classes / (np.bincount(codes, minlength=classes)[codes] + 2)
    wanted: NDArray[np.float64] = np.repeat(mistaken[:, None] / (classes - 1), classes, axis=1)
    wanted[np.arange(len(y)), codes] = 1 - mistaken
    return wanted


def platt(label: ArrayLike, probability: ArrayLike) -> Platt:
    """Return the Platt scaling that makes labels likeliest, or none at all where the rows cannot tell.

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

    truth, score = np.asarray(label) == 1, logit(probability, EDGE)
    yes, no = int(truth.sum()), int((~truth).sum())
    if not yes or not no or np.ptp(score) < EDGE:
        return Platt()
    target = np.where(truth, (yes + 1) / (yes + 2), 1 / (no + 2))

    def loss(line: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = line[0] * score + line[1]
        error = sigmoid(logits) - target
        return float(cross_entropy(target, logits).mean()), np.array([(error * score).mean(), error.mean()])

    slope, intercept = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B").x
    return Platt(float(slope), float(intercept)) if slope > EDGE else Platt()

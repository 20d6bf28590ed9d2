"""Sigmoid, logit and cross-entropy of logits: the risk that training minimises."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loopbook.statistics import metrics

Floats = NDArray[np.float64]
_TINY = 1e-15


def sigmoid(logits: ArrayLike) -> Floats:
    """Return ``1 / (1 + exp(-logit))`` without overflow, float64."""
    z = np.asarray(logits, dtype=np.float64)
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + small), small / (1 + small))


def logit(probability: ArrayLike, edge: float = _TINY) -> Floats:
    """Return the logit of probabilities, which are kept `edge` away from 0 and 1, float64."""
    p = np.clip(np.asarray(probability, dtype=np.float64), edge, 1 - edge)
    return np.asarray(np.log(p) - np.log1p(-p))


def cross_entropy(label: ArrayLike, logits: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return the weighted mean of ``log(1 + exp(z)) - y z``: the empirical risk that training minimises."""
    y, z = np.asarray(label, dtype=np.float64), np.asarray(logits, dtype=np.float64)
    with np.errstate(invalid="ignore"):  # infinite logits give NaN, which training reports
        each = np.logaddexp(0, z) - y * z
    return float(np.average(each, weights=None if weight is None else np.asarray(weight, dtype=np.float64)))


def auc(label: ArrayLike, score: ArrayLike) -> float:
    """Return the area under the ROC curve of any score, ties counted half; NaN if a class is missing."""
    return metrics.score("roc_auc", label, score)

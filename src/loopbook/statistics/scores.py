"""Sigmoid, softmax, logit and cross-entropy of logits: the risk that training minimises."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


def probabilities(logits: ArrayLike) -> Floats:
    """Return probabilities of logits: of [n] by the sigmoid those of yes, of [n, k] by the softmax those of classes."""
    z = np.asarray(logits, dtype=np.float64)
    if z.ndim == 1:
        return sigmoid(z)
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def cross_entropy(label: ArrayLike, logits: ArrayLike) -> Floats:
    """Return the cross-entropy of each row's logits, in nats, float64 [n]; its mean is what training minimises.

    Parameters
    ----------
    label
        For logits [n]: 0 or 1, or a share of yes, [n]. For logits [n, k]: codes [n], or shares of the classes [n, k].
    """
    y, z = np.asarray(label, dtype=np.float64), np.asarray(logits, dtype=np.float64)
    with np.errstate(invalid="ignore"):  # infinite logits give NaN, which training reports
        if z.ndim == 1:
            return np.asarray(np.logaddexp(0, z) - y * z)
        shifted = z - z.max(axis=1, keepdims=True)
        at = np.take_along_axis(shifted, y.astype(np.int64)[:, None], axis=1)[:, 0] if y.ndim == 1 else None
        return np.asarray(np.log(np.exp(shifted).sum(axis=1)) - ((y * shifted).sum(axis=1) if at is None else at))

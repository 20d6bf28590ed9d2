"""Scores of probabilities against labels, each for many weightings of the rows at once: a bootstrap in a few products.

A weighting counts how often each row is drawn: all ones for the score itself, a row of counts for a resample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
BINS = 15
"""Bins of equal width for the calibration error."""

_TINY = 1e-15


def sigmoid(logit: ArrayLike) -> Floats:
    """Return ``1 / (1 + exp(-logit))`` without overflow, float64."""
    z = np.asarray(logit, dtype=np.float64)
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + small), small / (1 + small))


def logit_of(probability: ArrayLike) -> Floats:
    """Return the logit of probabilities, which are kept 1e-15 away from 0 and 1."""
    p = np.clip(np.asarray(probability, dtype=np.float64), _TINY, 1 - _TINY)
    return np.asarray(np.log(p) - np.log1p(-p))


def cross_entropy(label: ArrayLike, logit: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return the weighted mean of ``log(1 + exp(z)) - y z``: the empirical risk that training minimises."""
    y, z = np.asarray(label, dtype=np.float64), np.asarray(logit, dtype=np.float64)
    with np.errstate(invalid="ignore"):  # infinite logits give NaN, which training reports
        each = np.logaddexp(0, z) - y * z
    return float(np.average(each, weights=None if weight is None else np.asarray(weight, dtype=np.float64)))


def auc(label: ArrayLike, score: ArrayLike) -> float:
    """Return the area under the ROC curve, ties counted half; NaN if a class is missing."""
    y = np.asarray(label, dtype=np.float64)
    return float(roc_auc(y, np.asarray(score, dtype=np.float64), 0.5, np.ones((1, len(y))))[0])


def _counts(y: Floats, p: Floats, threshold: float, w: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    says = p >= threshold
    yes = y > 0.5
    return tuple(w @ part.astype(np.float64) for part in (yes & says, ~yes & says, ~yes & ~says, yes & ~says))  # type: ignore[return-value]


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def accuracy(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Share of right answers."""
    tp, fp, tn, fn = _counts(y, p, threshold, w)
    return _ratio(tp + tn, tp + fp + tn + fn)


def balanced_accuracy(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Mean of the shares of right answers within each class."""
    tp, fp, tn, fn = _counts(y, p, threshold, w)
    return (_ratio(tp, tp + fn) + _ratio(tn, tn + fp)) / 2


def precision(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Of the rows called positive, the share that is; 0 where none is called positive."""
    tp, fp, _, _ = _counts(y, p, threshold, w)
    return np.asarray(tp / np.maximum(tp + fp, _TINY))


def recall(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Of the positive rows, the share that is called so."""
    tp, _, _, fn = _counts(y, p, threshold, w)
    return _ratio(tp, tp + fn)


def f1(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Harmonic mean of precision and recall."""
    tp, fp, _, fn = _counts(y, p, threshold, w)
    return _ratio(2 * tp, 2 * tp + fp + fn)


def roc_auc(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Chance that a positive row scores higher than a negative one, ties counted half."""
    tp, fp = _above(y, p, w)
    area = (np.diff(fp, axis=1, prepend=0) * (tp + _started(tp)) / 2).sum(axis=1)
    return _ratio(area, tp[:, -1] * fp[:, -1])


def pr_auc(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Average precision: precision at each threshold, weighted by the recall gained there."""
    tp, fp = _above(y, p, w)
    here = tp / np.maximum(tp + fp, _TINY)
    return _ratio((np.diff(tp, axis=1, prepend=0) * here).sum(axis=1), tp[:, -1])


def log_loss(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Mean cross-entropy in nats."""
    q = np.clip(p, _TINY, 1 - _TINY)
    return _ratio(w @ -(y * np.log(q) + (1 - y) * np.log1p(-q)), w.sum(axis=1))


def brier(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Mean squared distance of probability and label (Brier 1950)."""
    return _ratio(w @ (p - y) ** 2, w.sum(axis=1))


def ece(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Expected calibration error: the mean distance of probability and frequency over 15 bins (Naeini et al. 2015)."""
    at = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    gap = np.zeros((len(p), BINS))
    gap[np.arange(len(p)), at] = p - y
    return _ratio(np.abs(w @ gap).sum(axis=1), w.sum(axis=1))


SCORES: Mapping[str, Callable[[Floats, Floats, float, Floats], Floats]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "roc_auc": roc_auc,
    "pr_auc": pr_auc,
    "log_loss": log_loss,
    "brier": brier,
    "ece": ece,
}
"""Each takes label [n], probability [n], threshold and weightings [b, n], and returns one score a weighting [b]."""


def _above(y: Floats, p: Floats, w: Floats) -> tuple[Floats, Floats]:
    """Return weights of positives and negatives at or above each distinct score, highest first, [b, distinct]."""
    order = np.argsort(-p, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(p[order]) != 0, True))
    drawn = w[:, order]
    positive = np.cumsum(drawn * y[order], axis=1)[:, ends]
    return positive, np.cumsum(drawn, axis=1)[:, ends] - positive


def _started(counts: Floats) -> Floats:
    """Return each count's predecessor, 0 for the first."""
    return np.concatenate([np.zeros((len(counts), 1)), counts[:, :-1]], axis=1)

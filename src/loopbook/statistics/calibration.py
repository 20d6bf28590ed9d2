"""Calibration: one temperature makes probabilities say how often they are right; it changes no ranking."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.statistics import evaluation
from loopbook.statistics.scores import cross_entropy, sigmoid

_LIMITS = (0.05, 20.0)
_FOLDS = 5


def temperature(label: ArrayLike, logit: ArrayLike) -> float:
    """Return T for which ``sigmoid(logit / T)`` has the smallest log loss.

    Labels are moved a little inwards, as if each class had one more row that was mistaken: otherwise a few rows that
    are all right would make every probability 0 or 1.

    Parameters
    ----------
    label
        0 or 1, [n]: rows that the model was not fitted on.
    logit
        [n].

    Returns
    -------
    float
        In [0.05, 20]; 1 where all logits are equal, because scaling them teaches nothing then.

    References
    ----------
    Guo et al. (2017), On calibration of modern neural networks, section 4.2. The targets are those of Platt (1999),
    Probabilistic outputs for support vector machines, section 2.3.
    """
    from scipy.optimize import minimize_scalar

    y, z = np.asarray(label, dtype=np.float64), np.asarray(logit, dtype=np.float64)
    if np.ptp(z) == 0:
        return 1.0
    targets = np.where(y > 0.5, (y.sum() + 1) / (y.sum() + 2), 1 / ((1 - y).sum() + 2))
    # The loss is convex in 1/T, so the one minimum is found wherever the search begins.
    found = minimize_scalar(
        lambda inverse: cross_entropy(targets, z * inverse),
        bounds=(1 / _LIMITS[1], 1 / _LIMITS[0]),
        method="bounded",
        options={"xatol": 1e-8},
    )
    return float(1 / found.x)


def cross_fitted(
    label: ArrayLike, logit: ArrayLike, groups: ArrayLike | None = None, seed: int = 0
) -> NDArray[np.float64]:
    """Return calibrated probabilities, float64 [n], each by a temperature that was fitted without its own row.

    A temperature fitted on the rows that it is judged by looks better than it is. Groups stay together.
    """
    y, z = np.asarray(label, dtype=np.float64), np.asarray(logit, dtype=np.float64)
    members = np.arange(len(y)) if groups is None else pd.factorize(np.asarray(groups))[0]
    fold = np.random.default_rng(seed).permutation(int(members.max()) + 1)[members] % _FOLDS
    result = np.empty_like(z)
    for at in range(_FOLDS):
        inside = fold == at
        # With fewer groups than folds, a fold can be empty, or hold everything.
        scale = temperature(y[~inside], z[~inside]) if (~inside).any() else 1.0
        result[inside] = sigmoid(z[inside] / scale)
    return result


def effect(label: ArrayLike, logit: ArrayLike, groups: ArrayLike | None = None) -> pd.DataFrame:
    """Return log loss and calibration error before and after, honestly: after is cross-fitted.

    Returns
    -------
    DataFrame
        Index ``log_loss``, ``ece``; columns ``before``, ``after``.
    """
    chosen = ["log_loss", "ece"]
    before = evaluation.metrics(label, sigmoid(logit), resamples=0, only=chosen)["value"]
    after = evaluation.metrics(label, cross_fitted(label, logit, groups), resamples=0, only=chosen)["value"]
    return pd.DataFrame({"before": before, "after": after})

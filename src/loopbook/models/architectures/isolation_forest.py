"""Isolation forest: how few random questions part a row from all others."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from loopbook.models.architecture import Count, architecture
from loopbook.models.trees import LEAF, Trees
from loopbook.models.unsupervised.anomaly import normal

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal


@architecture(Trees, needs="table", types=("anomaly",), also=False)
def isolation_forest(
    features: "Features", train: "pd.DataFrame", goals: "Sequence[Goal]", *, trees: Count = 300, rows: Count = 256
) -> Trees:
    """Fit scikit-learn's isolation forest and keep its trees; the score is the logarithm of the anomaly score.

    Parameters
    ----------
    trees
        How many.
    rows
        Rows of train, drawn anew, on which each is grown.

    References
    ----------
    Liu, Ting & Zhou (2008), Isolation forest.
    """
    from sklearn.ensemble import IsolationForest

    table = normal(features, train, goals[0])
    fit = IsolationForest(n_estimators=trees, max_samples=min(rows, len(table)), random_state=0).fit(table)
    unit = -np.log(2) / _path(np.array([fit.max_samples_]))[0] / trees
    return Trees.of([[_tree(one.tree_, unit) for one in fit.estimators_]], 1.0, np.zeros(1))


def _tree(grown: Any, unit: float) -> Any:
    """Return a tree whose leaves hold the length of the way to them, as `Trees.of` takes it."""
    depth = np.zeros(grown.node_count)
    for node in range(grown.node_count):  # parents come before their children
        for child in (grown.children_left[node], grown.children_right[node]):
            if child != LEAF:
                depth[child] = depth[node] + 1
    value = unit * (depth + _path(grown.n_node_samples))
    names = ("node_count", "children_left", "children_right", "threshold", "feature")
    return SimpleNamespace(**{name: getattr(grown, name) for name in names}, value=value[:, None, None])


def _path(rows: Any) -> Any:
    """Return the mean length of a way in a random search tree of so many rows (equation 1)."""
    n = np.asarray(rows, dtype=np.float64)
    harmonic = np.log(np.maximum(n - 1, 1)) + np.euler_gamma
    return np.where(n > 2, 2 * harmonic - 2 * (n - 1) / np.maximum(n, 1), np.where(n == 2, 1.0, 0.0))

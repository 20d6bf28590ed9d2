"""Decision tree on the table: a few questions, one after another, that anybody can read."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from loopbook.models.architecture import Count, architecture
from loopbook.models.linear import log_spread
from loopbook.models.trees import Trees

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal

Questions = Annotated[int, Field(ge=1, le=12)]


@architecture(Trees, needs="table", monotone=True)
def decision_tree(
    features: "Features", train: "pd.DataFrame", goals: "Sequence[Goal]", *, depth: Questions = 4, leaf: Count = 10
) -> Trees:
    """Fit scikit-learn's decision tree, one for each head; of a number a second one, of a single question, its spread.

    Parameters
    ----------
    depth
        Questions on the way to an answer.
    leaf
        Rows of train that an answer rests on at least. All classes of which it has none are together as probable as
        one row in so many and two.

    References
    ----------
    Breiman, Friedman, Olshen & Stone (1984), Classification and regression trees.
    """
    table = features.table(train)
    grown = [[tree] for goal in goals for tree in _grown(table[goal.known], goal, depth, leaf)]
    return Trees.of(grown, 1.0, np.zeros(len(grown)))


def _grown(table: Any, goal: "Goal", depth: int, leaf: int) -> list[Any]:
    """Return for each score of a head a tree whose leaves hold it."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    target, weight = goal.target[goal.known], goal.weight[goal.known]
    asked: dict[str, Any] = {"max_depth": depth, "min_samples_leaf": leaf, "random_state": 0}
    if goal.head.numeric:

        def model() -> Any:
            return DecisionTreeRegressor(**asked, monotonic_cst=goal.signs)

        apart = log_spread(model, table, target, weight)
        blind = table if goal.signs is None else np.where(goal.signs == 0, table, 0)
        spread = DecisionTreeRegressor(**asked | {"max_depth": 1}).fit(blind, apart, sample_weight=weight)
        return [model().fit(table, target, sample_weight=weight).tree_, spread.tree_]
    fit = DecisionTreeClassifier(**asked, monotonic_cst=goal.signs).fit(table, target, sample_weight=weight)
    share = np.zeros((fit.tree_.node_count, max(2, goal.head.width)))
    share[:, fit.classes_.astype(np.int64)] = fit.tree_.value[:, 0]
    score = np.log(np.maximum(share, 1 / (leaf + 2) / (share.shape[1] - 1)))
    score = score if goal.head.width > 1 else score[:, 1:] - score[:, :1]
    names = ("node_count", "children_left", "children_right", "threshold", "feature")
    nodes = {name: getattr(fit.tree_, name) for name in names}
    return [SimpleNamespace(**nodes, value=each[:, None, None]) for each in score.T]

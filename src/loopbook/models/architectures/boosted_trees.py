"""Gradient-boosted trees on the table: each tree corrects what those before it still get wrong."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, cast

import numpy as np
from pydantic import Field

from loopbook.models.architecture import Count, architecture
from loopbook.models.linear import Floats, log_spread
from loopbook.models.trees import Trees

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal, Number

Questions = Annotated[int, Field(ge=1, le=12)]
Share = Annotated[float, Field(gt=0, le=1)]

_MOST = 3_000  # trees of one head: those of two hundred classes would take many minutes
_LOSSES = {"squared": "squared_error", "absolute": "absolute_error", "huber": "huber", "quantiles": "quantile"}


@architecture(Trees, needs="table")
def boosted_trees(
    features: "Features",
    train: "pd.DataFrame",
    goals: "Sequence[Goal]",
    *,
    trees: Count = 100,
    depth: Questions = 3,
    rate: Share = 0.1,
    sample: Share = 0.5,
) -> Trees:
    """Fit scikit-learn's gradient boosting and keep its trees.

    Parameters
    ----------
    trees
        How many; of several classes so many for each, but no more than 3,000 in all.
    depth
        Questions on the way through each.
    rate
        Share of each tree's correction that is taken over.
    sample
        Share of train, drawn anew, on which each tree is grown.

    References
    ----------
    Friedman (2002), Stochastic gradient boosting.
    """
    table, most = features.table(train), {"max_depth": depth, "learning_rate": rate, "subsample": sample}
    parts = [_grown(table[goal.known], goal, {**most, "n_estimators": trees, "random_state": 0}) for goal in goals]
    return Trees.of([grown for part, _ in parts for grown in part], rate, np.concatenate([bias for _, bias in parts]))


def _grown(table: Any, goal: "Goal", settings: dict[str, Any]) -> tuple[list[list[Any]], Floats]:
    """Return the trees of each score of a head, and its biases."""
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    target, weight = goal.target[goal.known], goal.weight[goal.known]
    if goal.head.numeric:
        head = cast("Number", goal.head)
        loss = _LOSSES[head.objective]

        def model() -> Any:
            return GradientBoostingRegressor(loss=loss, alpha=0.5 if loss == "quantile" else 0.9, **settings)

        aims = (target, log_spread(model, table, target, weight))
        fits = [
            made.fit(table, aim, sample_weight=weight)
            for made, aim in zip((model(), GradientBoostingRegressor(**settings)), aims, strict=True)
        ]
        start = [float(fit.init_.constant_.ravel()[0]) for fit in fits]
        return [[tree.tree_ for tree in fit.estimators_[:, 0]] for fit in fits], np.array(start)
    width = goal.head.width
    settings["n_estimators"] = max(1, min(settings["n_estimators"], _MOST // width))
    fit = GradientBoostingClassifier(**settings).fit(table, target, sample_weight=weight)
    grown = [[tree.tree_ for tree in column] for column in fit.estimators_.T]
    share = np.bincount(target.astype(np.int64), weight) / weight.sum()
    if len(share) > 2:
        return grown, np.log(share)
    # Of two classes scikit-learn grows trees for the second's score over that of the first.
    return [*[[]] * (width - 1), *grown], np.array([*[0.0] * (width - 1), np.log(share[1] / (1 - share[1]))])

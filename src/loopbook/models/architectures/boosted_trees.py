"""Gradient-boosted trees on the table: each tree corrects what those before it still get wrong."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, cast

import numpy as np
from pydantic import Field

from loopbook.models.architecture import Count, architecture
from loopbook.models.linear import Floats, log_spread
from loopbook.models.trees import LEAF, Trees

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal
    from loopbook.models.number_head import Number

Questions = Annotated[int, Field(ge=1, le=12)]
Share = Annotated[float, Field(gt=0, le=1)]

_MOST = 3_000  # trees of one head: those of two hundred classes would take many minutes
_STUMPS = {"max_depth": 1}  # of the spread: logarithms of errors are mostly chance, which deep trees learn
_LOSSES = {"squared": "squared_error", "absolute": "absolute_error", "huber": "huber", "quantiles": "quantile"}


@architecture(Trees, needs="table", monotone=True)
def boosted_trees(
    features: "Features",
    train: "pd.DataFrame",
    goals: "Sequence[Goal]",
    *,
    trees: Count = 100,
    depth: Questions = 3,
    rate: Share = 0.1,
    sample: Share = 0.5,
    columns: Share = 1.0,
    leaf: Count = 1,
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
    columns
        Share of the table's columns, drawn anew, among which each question is chosen.
    leaf
        Rows of train that a leaf rests on at least.

    References
    ----------
    Friedman (2002), Stochastic gradient boosting. Where fields are monotone, the squared error is minimised, by
    histograms and on all of train: Ke et al. (2017), LightGBM.
    """
    table, most = features.table(train), {"max_depth": depth, "learning_rate": rate, "random_state": 0}
    most |= {"subsample": sample, "max_features": columns, "min_samples_leaf": leaf, "n_estimators": trees}
    parts = [_grown(table[goal.known], goal, dict(most)) for goal in goals]
    return Trees.of([grown for part, _ in parts for grown in part], rate, np.concatenate([bias for _, bias in parts]))


def _grown(table: Any, goal: "Goal", settings: dict[str, Any]) -> tuple[list[list[Any]], Floats]:
    """Return the trees of each score of a head, and its biases."""
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    target, weight = goal.target[goal.known], goal.weight[goal.known]
    if goal.signs is not None:
        return _monotone(table, target, weight, goal, settings)
    if goal.head.numeric:
        head = cast("Number", goal.head)
        loss = _LOSSES[head.objective]

        def model() -> Any:
            return GradientBoostingRegressor(loss=loss, alpha=0.5 if loss == "quantile" else 0.9, **settings)

        aims = (target, log_spread(model, table, target, weight))
        fits = [
            made.fit(table, aim, sample_weight=weight)
            for made, aim in zip((model(), GradientBoostingRegressor(**settings | _STUMPS)), aims, strict=True)
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


def _monotone(
    table: Any, target: Floats, weight: Floats, goal: "Goal", settings: dict[str, Any]
) -> tuple[list[list[Any]], Floats]:
    """Return the trees of each score, grown so that no answer moves against the signs of the goal, and the biases.

    A number's spread is told by the other columns alone, so that the probability of lying above a limit keeps to them.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    asked = {name: settings[name] for name in settings if name not in ("n_estimators", "subsample")}
    asked |= {"max_iter": settings["n_estimators"], "early_stopping": False}
    if not goal.head.numeric:
        fits = [HistGradientBoostingClassifier(monotonic_cst=goal.signs, **asked).fit(table, target, weight)]
    else:
        # Leaves of other losses are moved after a tree is grown, past the signs: the squared error serves for all.
        def model() -> Any:
            return HistGradientBoostingRegressor(monotonic_cst=goal.signs, **asked)

        blind = np.where(goal.signs == 0, table, 0)
        apart = log_spread(model, table, target, weight)
        spread = HistGradientBoostingRegressor(**asked | _STUMPS).fit(blind, apart, weight)
        fits = [model().fit(table, target, weight), spread]
    grown = [[_tree(stage[0].nodes, settings["learning_rate"]) for stage in fit._predictors] for fit in fits]
    return grown, np.array([float(np.ravel(fit._baseline_prediction)[0]) for fit in fits])


def _tree(nodes: Any, rate: float) -> Any:
    """Return a tree of the histograms' kind, whose values have the rate in them, as `Trees.of` takes it."""
    return SimpleNamespace(
        node_count=len(nodes),
        children_left=np.where(nodes["is_leaf"], LEAF, nodes["left"].astype(np.int64)),
        children_right=np.where(nodes["is_leaf"], LEAF, nodes["right"].astype(np.int64)),
        threshold=nodes["num_threshold"],
        feature=nodes["feature_idx"].astype(np.int64),
        value=nodes["value"][:, None, None] / rate,
    )

"""Gradient-boosted trees on the table: each tree corrects what those before it still get wrong."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from loopbook.models.architecture import Count, architecture
from loopbook.models.linear import Floats
from loopbook.models.trees import Trees

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features

Questions = Annotated[int, Field(ge=1, le=12)]
Share = Annotated[float, Field(gt=0, le=1)]


@architecture(Trees, needs="table")
def boosted_trees(
    features: "Features",
    train: "pd.DataFrame",
    label: Floats,
    weight: Floats,
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
        How many.
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
    from sklearn.ensemble import GradientBoostingClassifier

    model = GradientBoostingClassifier(
        n_estimators=trees, max_depth=depth, learning_rate=rate, subsample=sample, random_state=0
    ).fit(features.table(train), label, sample_weight=weight)
    share = float(np.average(label, weights=weight))
    return Trees.of([tree.tree_ for tree in model.estimators_[:, 0]], rate, float(np.log(share / (1 - share))))

"""Majority: what train says of every row alike, which is what can be said without reading."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from loopbook.models.architecture import architecture
from loopbook.models.linear import Floats, Linear

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal
    from loopbook.models.number_head import Number


@architecture(Linear, needs="nothing", monotone=True)
def majority(features: "Features", train: "pd.DataFrame", goals: "Sequence[Goal]") -> Linear:
    """Return a linear model that has no weight but its biases: the classes' shares, or a number's mean or median."""
    return Linear(np.concatenate([_bias(goal) for goal in goals]))


def _bias(goal: "Goal") -> Floats:
    target, weight = goal.target[goal.known], goal.weight[goal.known]
    if goal.head.numeric:
        head = cast("Number", goal.head)
        middle = 0.0 if head.objective == "squared" else float(np.median(target))
        return np.array([middle, np.log(np.abs(target - middle).mean())])
    # One row of each class is added, so that a class that train lacks is improbable, not impossible.
    share = np.bincount(target.astype(np.int64), weight, minlength=max(2, goal.head.width)) + 1
    return np.array([np.log(share[1] / share[0])]) if goal.head.width == 1 else np.log(share / share.sum())

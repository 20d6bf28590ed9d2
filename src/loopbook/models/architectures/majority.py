"""Majority: the base rate of train for every row, which is what can be said without reading."""

from typing import TYPE_CHECKING

import numpy as np

from loopbook.models.architecture import architecture
from loopbook.models.linear import Floats, Linear

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features


@architecture(Linear, needs="nothing")
def majority(features: "Features", train: "pd.DataFrame", label: Floats, weight: Floats) -> Linear:
    """Return a linear model that has no weight but its bias."""
    # One row of each class is added, so that a class that train lacks is improbable, not impossible.
    yes, total = float(weight @ label) + 1, float(weight.sum()) + 2
    return Linear(float(np.log(yes / (total - yes))))

"""Logistic regression on a table's scaled numbers and one-hot categories."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from loopbook.models.architecture import Strength, architecture
from loopbook.models.linear import Linear, fitted

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal


@architecture(Linear, needs="table", types=("binary", "ranking", "multiclass", "ordinal"), monotone=True)
def table_logistic(
    features: "Features", train: "pd.DataFrame", goals: "Sequence[Goal]", *, C: Strength = 1.0
) -> Linear:
    """Fit logistic regression on the table.

    Parameters
    ----------
    C
        Inverse strength of the penalty on squared weights; of several classes, in the mean over their scores.
    """
    found, bias = fitted(features.table(train).astype(np.float64), goals, C)
    return Linear(bias, table_weights=found)

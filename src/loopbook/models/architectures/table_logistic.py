"""Logistic regression on a table's scaled numbers and one-hot categories."""

from typing import TYPE_CHECKING

import numpy as np

from loopbook.models.architecture import Strength, architecture
from loopbook.models.linear import Floats, Linear, logistic

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features


@architecture(Linear, needs="table")
def table_logistic(
    features: "Features", train: "pd.DataFrame", label: Floats, weight: Floats, *, C: Strength = 1.0
) -> Linear:
    """Fit logistic regression on the table.

    Parameters
    ----------
    C
        Inverse strength of the penalty on squared weights.
    """
    found, bias = logistic(features.table(train).astype(np.float64), label, weight, C)
    return Linear(bias, table_weights=found)

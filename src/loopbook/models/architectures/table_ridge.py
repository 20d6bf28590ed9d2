"""Ridge regression on a table's scaled numbers and one-hot categories."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from loopbook.models.architecture import Strength, architecture
from loopbook.models.linear import Linear, fitted

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal


@architecture(Linear, needs="table", types=("number",), monotone=True)
def table_ridge(features: "Features", train: "pd.DataFrame", goals: "Sequence[Goal]", *, C: Strength = 1.0) -> Linear:
    """Fit ridge regression on the table; further outputs, which are classes, by logistic regression.

    Parameters
    ----------
    C
        Inverse strength of the penalty on squared weights; of several classes, in the mean over their scores.
    """
    found, bias = fitted(features.table(train).astype(np.float64), goals, C)
    return Linear(bias, table_weights=found)

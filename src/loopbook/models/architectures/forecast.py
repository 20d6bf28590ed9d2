"""Forecast residual: what each sensor shows now, less what its past and the calendar let expect."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from loopbook.models.architecture import Strength, architecture
from loopbook.models.distance import Distance
from loopbook.models.unsupervised.anomaly import normal, standard
from loopbook.scenario.errors import DataError
from loopbook.scenario.series import CALENDAR

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal


@architecture(Distance, needs="table", types=("anomaly",), also=False)
def forecast(
    features: "Features", train: "pd.DataFrame", goals: "Sequence[Goal]", *, penalty: Strength = 1.0
) -> Distance:
    """Fit for each sensor a ridge regression of its last step on the steps before; the score is its error in spreads.

    The fields of a sensor are those of a window: ``<sensor>_now`` is foretold by ``<sensor>_lag_…`` of all sensors and
    by the calendar, as far as the task has them.

    Parameters
    ----------
    penalty
        Of the squared coefficients, on scaled columns.

    References
    ----------
    Hoerl & Kennard (1970), Ridge regression. Chandola, Banerjee & Kumar (2009), Anomaly detection, section on
    regression-based techniques.
    """
    own, names = normal(features, train, goals[0]), features.columns
    scale, shift = standard(own)
    table = own @ scale + shift
    aims = [at for at, name in enumerate(names) if name.endswith("_now")]
    told = [at for at, name in enumerate(names) if "_lag_" in name or name in CALENDAR]
    if not aims or not told:
        raise DataError("forecast needs the fields <sensor>_now and <sensor>_lag_<steps> of windows in task.fields.")
    known, aim = table[:, told], table[:, aims]
    slope = np.linalg.solve(known.T @ known + penalty * np.eye(len(told)), known.T @ aim)
    spread = np.maximum((aim - known @ slope).std(axis=0), 1e-6)
    weight = np.zeros((len(names), len(aims)))
    weight[told] = -slope / spread
    weight[aims, range(len(aims))] += 1 / spread
    return Distance.linear(scale @ weight, shift @ weight)

"""Moving z-score: how many standard deviations the last step lies from its window's mean; the plain rule."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from loopbook.models.architecture import architecture
from loopbook.models.distance import Distance
from loopbook.scenario.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal


@architecture(Distance, needs="table", types=("anomaly",), also=False)
def z_score(features: "Features", train: "pd.DataFrame", goals: "Sequence[Goal]") -> Distance:
    """Return the mean square of the fields ``<sensor>_z`` of windows; nothing is learned but their scale back."""
    numbers = [number for number in features.numbers if number.field.endswith("_z")]
    if not numbers:
        raise DataError("z_score needs the field <sensor>_z of windows in task.fields.")
    weight = np.zeros((features.width, len(numbers)))
    for at, number in enumerate(numbers):
        weight[features.columns.index(number.field), at] = number.scale
    return Distance.linear(weight, np.array([number.shift for number in numbers]))

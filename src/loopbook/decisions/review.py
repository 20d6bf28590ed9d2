"""Human review: how many decisions a person may be asked about, and a simulated reviewer."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.scenario.errors import DataError
from loopbook.statistics.coin import coin

Bools = NDArray[np.bool_]


@dataclass
class Budget:
    """Reviews that people have time for: at no moment more than a share `capacity` of the decisions until then.

    Time not used is kept, so a quiet morning helps a busy afternoon.
    """

    capacity: float
    decisions: int = 0
    reviews: int = 0

    def ask(self, wanted: bool) -> bool:
        """Count one decision, and say whether a person may be asked about it."""
        self.decisions += 1
        granted = wanted and self.reviews + 1 <= self.capacity * self.decisions + 1e-9
        self.reviews += granted
        return granted


def granted(wanted: ArrayLike, capacity: float) -> Bools:
    """Return which wishes for a review are granted, in the order in which they come: bool [n]."""
    budget = Budget(capacity)
    return np.fromiter((budget.ask(bool(each)) for each in np.asarray(wanted)), dtype=bool)


def simulated_verdicts(frame: pd.DataFrame, error: float, seed: int = 0) -> Mapping[str, bool]:
    """Return what a simulated reviewer would say of each row, by `row_id`: the label, or its opposite.

    Wrong with probability `error`, and always wrong about the same rows: the coin is a hash of `row_id` and seed.
    A simulation: it knows the label, as no real reviewer does.

    Raises
    ------
    DataError
        If the rows carry no label.
    """
    if "label" not in frame.columns:
        raise DataError("A simulated reviewer needs rows with a label; these have none.")
    return {
        str(row): (label == 1) != (coin(f"reviewer {seed} {row}") < error)
        for row, label in zip(frame["row_id"], frame["label"], strict=True)
    }

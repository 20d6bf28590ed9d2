"""Daily counts by class: rows by day and class with their covariance, and the shares and contrasts that come of them.

The rows of a class are a multinomial's, so the covariance of a day's shares is (diag p − pp′)/n, and with days that
differ (diag p − pp′)(1/n + ρ). It is never written out: whatever is watched is a contrast w of the shares, with the
variance w′(diag p − pp′)w of one row, which is that of w over the classes.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from loopbook.statistics.day_spread import LEAST_VARIANCE, Daily, Floats, Kinds


@dataclass(frozen=True, eq=False)
class Counts:
    """Rows of K classes by day.

    Attributes
    ----------
    count
        float64 [days, K]: rows, or the sum of their weights.
    rows
        float64 [days]: as many rows of equal weight would tell as much, (Σw)²/Σw² (Kish 1965).
    weekday
        int64 [days], 0 to 6; None where days have no names.
    """

    count: Floats
    rows: Floats
    weekday: Kinds | None

    @classmethod
    def of(
        cls, codes: Kinds, classes: int, day: Kinds, days: int, weekday: Kinds | None, weight: Floats | None = None
    ) -> Self:
        """Count rows of class `codes` [n], 0 to `classes` - 1, by day [n]; those below 0 are left out."""
        weight = (codes >= 0) * (np.ones(len(codes)) if weight is None else weight)
        flat = np.bincount(day * classes + np.maximum(codes, 0), weights=weight, minlength=days * classes)
        count = flat.reshape(days, classes).astype("float64")
        square = np.bincount(day, weights=weight**2, minlength=days)
        return cls(count, count.sum(axis=1) ** 2 / np.where(square > 0, square, 1.0), weekday)

    def contrast(self, weights: Floats) -> Daily:
        """Return sums of the shares by day, each class times its weight, [m, K]; the identity's rows are the shares.

        A contrast that has never moved may move once: half a row is taken to be of the class that moves it most.
        """
        total, rows = self.count.sum(axis=1), self.rows.sum()
        share = self.count.sum(axis=0) / max(total.sum(), LEAST_VARIANCE)
        off = weights - (weights @ share)[:, None]
        unit = (off**2 @ share) * rows / max(1.0, rows - 1)
        lean = (off**3 @ share) / np.maximum(unit, LEAST_VARIANCE) ** 1.5
        still = (unit <= LEAST_VARIANCE) & (rows > 0)
        jump = np.take_along_axis(off, np.abs(off).argmax(axis=1)[:, None], axis=1)[:, 0]
        once = 0.5 / (rows + 1)
        unit = np.maximum(LEAST_VARIANCE, np.where(still, once * (1 - once) * jump**2, unit))
        lean = np.where(still, (1 - 2 * once) / np.sqrt(once) * np.sign(jump), lean)
        with np.errstate(divide="ignore", invalid="ignore"):
            value, inverse = self.count @ weights.T / total[:, None], 1 / self.rows[:, None]
        return Daily(value, np.broadcast_to(inverse, value.shape), unit, lean, self.weekday)

"""The even grid on which readings at uneven moments are laid, so that windows can be cut and their gaps seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.scenario.errors import DataError
from loopbook.scenario.series import Series

Floats = NDArray[np.float64]

_FILLED = 0.6  # share of an even grid's places, from which on it is no finer than the readings
_MONDAY = 4 * 86_400_000_000  # microseconds from 1970 to the first Monday, from which steps are counted


@dataclass(frozen=True)
class Grid:
    """Even places in time, of which a whole number makes a step; where they lie depends on no reading.

    Steps are counted from a Monday, so that days and weeks of them end where those of the calendar do (UTC).
    """

    series: Series
    per_step: int

    @classmethod
    def of(cls, series: Series, read: pd.DataFrame) -> Self:
        """Return a grid that is no finer than the slowest sensor's readings (columns, by time), and mostly filled.

        So sensors that are read at different rates or moments share a grid, and one that is read in bursts has a place
        for each burst, not for each reading.
        """
        of = [pd.DatetimeIndex(read.index[read[name].notna()].unique()) for name in series.names]
        if max(map(len, of)) < 2:
            raise DataError(f"source.series: {len(read)} readings at one time make no series. Check source.time.")
        slowest = max(float(np.median(np.diff(times.as_unit("us").asi8))) for times in of if len(times) > 1)
        per_step = max(1, round(series.step_minutes * 60e6 / slowest))
        while per_step > 1 and min(cls(series, per_step).filled(times) for times in of if len(times)) < _FILLED:
            per_step //= 2
        return cls(series, per_step)

    @property
    def _step(self) -> int:
        return round(self.series.step_minutes * 60e6)  # microseconds

    @property
    def size(self) -> int:
        """Places of a window."""
        return max(1, round(self.series.window_hours * 60 / self.series.step_minutes * self.per_step))

    @property
    def length(self) -> int:
        """Places of a window with its lags."""
        return max(self.size, (max(self.series.lags, default=0) + 1) * self.per_step)

    def places(self, times: pd.DatetimeIndex) -> NDArray[np.int64]:
        """Return the place of each moment."""
        since = times.as_unit("us").asi8 - _MONDAY
        steps, rest = np.divmod(since, self._step)
        return np.asarray(steps * self.per_step + rest * self.per_step // self._step, dtype=np.int64)

    def filled(self, times: pd.DatetimeIndex) -> float:
        """Return the share of places with a reading, of all in steps that have one."""
        places = np.unique(self.places(times))
        return len(places) / (self.per_step * len(np.unique(places // self.per_step)))

    def step_end(self, place: int) -> int:
        """Return the last place up to this one with which a step begins, and the one before has ended."""
        return place // self.per_step * self.per_step

    def moments(self, places: NDArray[np.int64]) -> pd.DatetimeIndex:
        """Return when places begin, UTC."""
        return pd.to_datetime(_MONDAY + places * self._step // self.per_step, unit="us", utc=True)

    def means(self, places: NDArray[np.int64], values: Floats, begin: int, end: int) -> Floats:
        """Return the mean of the readings in each place from `begin` to before `end`, NaN in a gap, [n, sensors]."""
        inside = slice(*places.searchsorted([begin, end]))
        at, found = places[inside] - begin, values[inside]
        known = ~np.isnan(found)
        total, count = np.zeros((2, end - begin, found.shape[1]))
        np.add.at(total, at, np.where(known, found, 0.0))
        np.add.at(count, at, known)
        return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)

    def whole(self, cut: Floats) -> NDArray[np.bool_]:
        """Return which windows have enough readings of each sensor, in all and in the last step."""
        known, least = ~np.isnan(cut), self.series.covered
        last = known[:, -self.per_step :].mean(axis=1).min(axis=1) >= min(least, 1 / self.per_step)
        return np.asarray((known[:, -self.size :].mean(axis=1).min(axis=1) >= least) & last)

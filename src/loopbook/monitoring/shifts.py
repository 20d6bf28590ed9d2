"""Change-point detection for a mean over rows, day after day: has it changed, and since when?

Shares of new words, estimated base rates and errors of the probabilities are all means of a quantity that each row has.
The watch compares the latest days with a base, at a level for each day that keeps the false-alarm promise; once it has
found a change, the days since become the base, so that the next change is found as well.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincc

Floats = NDArray[np.float64]

LENGTHS = (1, 2, 3, 5, 7, 10, 14, 21, 28)
"""Days that the current window may have; the scenario's longest window ends the list."""
LEAST_ROWS = 40
"""Rows below which a window's mean is not tested: the approximation by a gamma distribution needs some."""

_LEAST_EVENTS = 30  # a share p has skewness of about 1/√p, so rows / (1 + skewness²) is the number of events seen


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over the rows of each day: number, values, squares and cubes, each float64 [days]."""

    count: Floats
    total: Floats
    square: Floats
    cube: Floats

    @classmethod
    def of(cls, values: Floats, day: NDArray[np.int64], days: int) -> "Moments":
        """Sum `values` [n] by `day` [n]; NaN is left out."""
        there = ~np.isnan(values)
        sums = (np.bincount(day[there], weights=values[there] ** power, minlength=days) for power in range(4))
        return cls(*(part.astype("float64") for part in sums))

    def between(self, first: int, last: int) -> "Moments":
        """Return the days `first` to `last`, both included."""
        days = slice(max(first, 0), last + 1)
        return Moments(self.count[days], self.total[days], self.square[days], self.cube[days])

    @property
    def rows(self) -> float:
        return float(self.count.sum())

    @property
    def mean(self) -> float:
        return float(self.total.sum()) / self.rows if self.rows else float("nan")

    @property
    def variance(self) -> float:
        """Variance of a row; 0 with fewer than two rows."""
        if self.rows < 2:
            return 0.0
        return float(max(0.0, float(self.square.sum()) - self.rows * self.mean**2) / (self.rows - 1))

    @property
    def skewness(self) -> float:
        """Third standardised moment of a row; 0 where there is no spread."""
        if self.variance <= 0:
            return 0.0
        square, cube = float(self.square.sum()) / self.rows, float(self.cube.sum()) / self.rows
        return (cube - 3 * self.mean * square + 2 * self.mean**3) / float(np.sqrt(self.variance)) ** 3

    @property
    def dispersion(self) -> float:
        """Variance of the days' means beside what independent rows would give, at least 1.

        Reposts and busy authors make the rows of a day alike; a test that takes them for independent finds too much.
        """
        filled = self.count > 0
        if filled.sum() < 3 or self.variance <= 0:
            return 1.0
        means = self.total[filled] / self.count[filled]
        chi_square = float((self.count[filled] * (means - self.mean) ** 2).sum() / self.variance)
        return max(1.0, chi_square / (int(filled.sum()) - 1))


def tail(z: float, skewness: float) -> float:
    """Return the two-sided p-value of a standardised mean whose distribution has this skewness.

    A gamma distribution with the same three moments stands for the mean's: right to the next order after the normal
    distribution, and monotone in the far tails, where the Edgeworth series is not.

    References
    ----------
    Hall (1983), Chi squared approximations to the distribution of a sum of independent random variables.
    """
    shape = 4 / max(abs(skewness), 1e-3) ** 2
    at = max(shape + (-z if skewness <= -1e-3 else z) * np.sqrt(shape), 0.0)
    return min(1.0, 2 * min(float(gammaincc(shape, at)), float(gammainc(shape, at))))


def compare(now: Moments, base: Moments, dispersion: float) -> tuple[float, float]:
    """Return z and p-value of the mean of `now` against that of `base`; (0, 1) where there is nothing to compare.

    Variance and skewness are the base's, as they must be if nothing changed, unless the base is short, or what is
    counted so rare that the base has hardly seen it; then the larger of the two.
    """
    if now.rows < 1 or base.rows < 2:
        return 0.0, 1.0
    variance, skewness = base.variance, base.skewness
    if base.rows < 200 or variance <= 0 or base.rows < _LEAST_EVENTS * (1 + skewness**2):
        variance, skewness = max(variance, now.variance), max(skewness, now.skewness, key=abs)
    variance *= dispersion
    if variance <= 0:
        return (0.0, 1.0) if now.mean == base.mean else (np.inf * np.sign(now.mean - base.mean), 0.0)
    spread = 1 / now.rows + 1 / base.rows
    z = (now.mean - base.mean) / np.sqrt(variance * spread)
    skewness *= (1 / now.rows**2 - 1 / base.rows**2) / spread**1.5
    return float(z), tail(float(z), skewness)


def watch(
    now: Moments,
    base: Moments,
    level: float,
    longest: int,
    effect: Callable[[float, float], float],
    least: float,
) -> list[dict[str, Any]]:
    """Watch a mean day after day and say when it has changed.

    Parameters
    ----------
    now
        The stream, by day.
    base
        The reference, by day.
    level
        Probability of a false alarm a day.
    longest
        Days of the longest window.
    effect
        Size of a change from (window's mean, base's mean); not negative.
    least
        Smallest effect worth an alarm.

    Returns
    -------
    list of dict
        One a day of the stream, days without rows too, under the names of `signals.COLUMNS`: `value` is the mean of the
        window behind the smallest p-value, `p` is corrected for the number of window lengths, `expected` the mean of
        the base. Alarms are the days on which a change was found; a change that lasts gives one.
    """
    lengths = tuple(length for length in LENGTHS if length <= longest) or (1,)
    dispersion, regime, changed = base.dispersion, 0, False
    steps: list[dict[str, Any]] = []
    for day in range(len(now.count)):
        best: tuple[float, float, float, Moments, Moments] | None = None
        for length in lengths:
            first = day - length + 1
            if first < regime or (changed and first == regime):
                break
            window = now.between(first, day)
            compared = now.between(regime, first - 1) if changed else base
            if window.rows < LEAST_ROWS or compared.rows < LEAST_ROWS:
                continue
            z, p = compare(window, compared, dispersion)
            size = effect(window.mean, compared.mean)
            if best is None or (p, -abs(z)) < (best[0], -abs(best[1])):
                best = (p, z, size, window, compared)
        p, z, size, window, compared = best or (1.0, 0.0, 0.0, now.between(day, day), base)
        p = min(1.0, p * len(lengths))
        alarm = p <= level and size >= least
        began = onset(now, compared, regime + changed, day, dispersion, z) if alarm else day
        low, high = _interval(window, dispersion)
        step = {"day": day, "onset": began, "last": day, "value": window.mean, "low": low, "high": high}
        steps.append(step | {"expected": compared.mean, "effect": size, "p": p, "alarm": alarm})
        if alarm:
            regime, changed = began, True
    return steps


def onset(now: Moments, base: Moments, first: int, day: int, dispersion: float, sign: float) -> int:
    """Return the day from which on the mean differs most clearly from the base (the maximum of the likelihood).

    References
    ----------
    Hinkley (1970), Inference about the change-point in a sequence of random variables.
    """
    best, began = 0.0, day
    for start in range(first, day + 1):
        window = now.between(start, day)
        if not window.rows:
            continue
        z, _ = compare(window, base, dispersion)
        if z * np.sign(sign) > best:
            best, began = z * float(np.sign(sign)), start
    return began


def _interval(window: Moments, dispersion: float) -> tuple[float, float]:
    if window.rows < 2:
        return float("nan"), float("nan")
    half = 1.96 * float(np.sqrt(window.variance * dispersion / window.rows))
    return window.mean - half, window.mean + half

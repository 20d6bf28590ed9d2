"""Change detection for rates by day: a self-starting CUSUM, whatever the number of reference days.

Each day is compared with the days before it, on the scale of the spread between days (`day_spread`): the difference
divided by its own estimated spread has Student's distribution, and its normal score is one standard normal value a day,
independent of the others. So the CUSUM's limit keeps the promised rate of false alarms with seven days as with ninety.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri, stdtr

from loopbook.statistics.day_spread import FLOOR, Daily, Fit, Floats, Kinds, Pooled, fit
from loopbook.statistics.intervals import Z

SLACK = 0.5
"""The CUSUM's allowance, in standard deviations between days: it is quickest for a change of twice as much."""
_ONE_DAY = 0.6  # of the limit: what one day can add at most, so that an odd day (a holiday) is no change of level
_HOLD = 0.75  # of the limit: while a CUSUM is above it, days do not enter the base
_BACK = 2.0  # standard errors from the reference within which a level counts as back


class Change(NamedTuple):
    """A change of a quantity.

    `day` and `onset` are stream days; `value` is the level since the onset with its 95 % interval, `expected` that
    before; `p` is two-sided for that window alone; `back`: the level is that of the reference again.
    """

    column: int
    day: int
    onset: int
    value: float
    low: float
    high: float
    expected: float
    p: float
    back: bool


def limit(level: float) -> float:
    """Return the CUSUM's limit for a two-sided false-alarm probability a day.

    References
    ----------
    Siegmund (1985), Sequential Analysis, for the average run length of a CUSUM of normal values.
    """
    wanted = 2 / level

    def short(b: float) -> float:
        return float((np.exp(2 * SLACK * b) - 2 * SLACK * b - 1) / (2 * SLACK**2) - wanted)

    return max(0.5, float(brentq(short, 1e-3, 200.0)) - 1.166)


def score(t: Floats, freedom: Floats, lean: Floats) -> Floats:
    """Return the normal score of a Student value, less the skewness that the counts of a day give it.

    References
    ----------
    Wilson & Hilferty (1931), The distribution of chi-square: the cube root of a gamma variable is nearly normal.
    """
    z = np.clip(np.sign(t) * -ndtri(np.maximum(stdtr(freedom, -np.abs(t)), 1e-300)), -30, 30)
    skewed = np.abs(lean) >= 1e-3
    s = np.where(skewed, lean, 1.0)
    found: Floats = np.where(skewed, 6 / s * (np.cbrt(np.maximum(1 + s * z / 2, 0)) - 1) + s / 6, z)
    return found


@dataclass(eq=False)
class _State:
    """What the watch knows of each quantity, all [k] but for the sums by kind of day [kinds, k]."""

    weight: Floats
    total: Floats
    square: Floats
    freedom: Floats
    up: Floats
    down: Floats
    began: NDArray[np.int64]  # [2, k], first day of the run of each side
    taken: NDArray[np.int64]  # days before this one are in the base


def watch(
    now: Daily, base: Daily, level: float | Floats, matters: Callable[[int, float, float], bool], prior: Pooled
) -> list[Change]:
    """Watch k quantities day after day and say when one has changed.

    Parameters
    ----------
    now, base
        Stream and reference.
    level
        Probability of a false alarm a day, for each quantity.
    matters
        Whether a change of a quantity (its number, value, expected) is large enough for an alarm.
    prior
        What the stream's quantities have in common.

    References
    ----------
    Page (1954), Continuous inspection schemes; Hawkins (1987), Self-starting CUSUM charts for location and scale;
    Brown, Durbin & Evans (1975), Techniques for testing the constancy of regression relationships over time.
    """
    return _Watch(now, base, level, matters, prior).run()


class _Watch:
    """One pass over the stream."""

    def __init__(
        self,
        now: Daily,
        base: Daily,
        level: float | Floats,
        matters: Callable[[int, float, float], bool],
        prior: Pooled,
    ) -> None:
        width = now.value.shape[1]
        self.now, self.matters = now, matters
        self.correlation, self.common, self.worth = (np.broadcast_to(part, width) for part in prior)
        kinds = base.kinds()
        several = int(kinds.max(initial=0))
        if several and now.weekday is not None:
            self.kinds: Kinds = now.weekday if several > 1 else (now.weekday >= 5).astype("int64")
        else:
            self.kinds, kinds = np.zeros(len(now.value), "int64"), np.zeros(len(base.value), "int64")
        self.reference: Fit = fit(base, kinds, prior.correlation)
        found = self.reference
        self.inverse = now.inverse
        typical = np.median(np.where(np.isfinite(base.inverse), base.inverse, np.nan_to_num(1.0)), axis=0)
        self.floor = (typical + FLOOR) / (typical + self.correlation)
        levels = np.broadcast_to(np.asarray(level, "float64"), width)
        distinct, which = np.unique(levels, return_inverse=True)
        self.height = np.array([limit(float(each)) for each in distinct])[which] if width else levels
        self.most = SLACK + _ONE_DAY * self.height
        self.state = _State(
            found.weight.copy(), found.total.copy(), found.square.copy(), found.freedom.copy(),
            np.zeros(width), np.zeros(width), np.zeros((2, width), "int64"), np.zeros(width, "int64"),
        )  # fmt: skip
        days = len(now.value)
        self.residual = np.full((days, width), np.nan)  # capped, in units of its own standard deviation
        self.kept = np.zeros((days, width))  # the value that may enter a base: capped as well

    def run(self) -> list[Change]:
        found: list[Change] = []
        for day in range(len(self.now.value)):
            self._step(day)
            for sign, side in ((1, self.state.up), (-1, self.state.down)):
                changed = (self._change(int(column), day, sign) for column in np.flatnonzero(side > self.height))
                found += [change for change in changed if change is not None]
            self._absorb(day)
        return found

    @property
    def scale(self) -> Floats:
        square = self.worth * self.common + self.state.square
        found: Floats = np.maximum(square / np.maximum(self.worth + self.state.freedom, 1), self.floor)
        return found

    def _step(self, day: int) -> None:
        state, kind = self.state, self.kinds[day]
        weight = state.weight[kind]
        freedom = self.worth + state.freedom
        inverse = self.inverse[day]
        there = np.isfinite(inverse) & (weight > 0) & (freedom >= 1) & (self.now.unit > 0)
        if not there.any():
            return
        apart = inverse + self.correlation
        spread = np.sqrt(self.now.unit * self.scale * (apart + 1 / np.maximum(weight, 1e-300)))
        mean = state.total[kind] / np.maximum(weight, 1e-300)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(there, (self.now.value[day] - mean) / spread, 0.0)
            lean = np.where(there, self.now.lean * (inverse + 2 * self.correlation) / np.sqrt(apart), 0.0)
        u = np.clip(score(t, np.maximum(freedom, 1), np.clip(lean, -2, 2)), -self.most, self.most)
        capped = np.clip(t, -np.maximum(np.abs(u), 3), np.maximum(np.abs(u), 3))
        self.residual[day] = np.where(there, capped, np.nan)
        self.kept[day] = np.where(there, mean + capped * np.where(there, spread, 0.0), 0.0)
        for row, (side, sign) in enumerate(((state.up, 1), (state.down, -1))):
            fresh = side <= 0
            state.began[row, fresh] = day
            side[there] = np.maximum(0.0, side + sign * u - SLACK)[there]

    def _absorb(self, day: int) -> None:
        """Let days enter the base once nothing is suspected any more."""
        state = self.state
        calm = np.maximum(state.up, state.down) <= _HOLD * self.height
        for past in range(int(state.taken[calm].min(initial=day + 1)), day + 1):
            enter = calm & (state.taken <= past) & np.isfinite(self.residual[past])
            weight = np.where(enter, 1 / (self.inverse[past] + self.correlation), 0.0)
            kind = self.kinds[past]
            state.weight[kind] += weight
            state.total[kind] += weight * np.where(enter, self.kept[past], 0.0)
            state.square += np.where(enter, self.residual[past] ** 2 * self.scale, 0.0)
            state.freedom += enter
        state.taken[calm] = day + 1

    def _change(self, column: int, day: int, sign: int) -> Change | None:
        state = self.state
        first = int(state.began[0 if sign > 0 else 1, column])
        days = np.arange(first, day + 1)
        days = days[np.isfinite(self.inverse[days, column])]
        weights = 1 / (self.inverse[days, column] + self.correlation[column])
        kept = self._onset(column, days, weights, sign)
        days, weights = days[kept:], weights[kept:]
        unit = float(self.now.unit[column] * self.scale[column])
        value, expected, error = self._against(column, days, weights, state.weight, state.total)
        if not self.matters(column, value, expected):
            return None
        half = Z * float(np.sqrt(unit / weights.sum()))
        freedom = max(1.0, float(self.worth[column] + state.freedom[column]))
        p = float(2 * stdtr(freedom, -abs(value - expected) / np.sqrt(unit * error)))
        usual = self._against(column, days, weights, self.reference.weight, self.reference.total)
        back = abs(value - usual[1]) < _BACK * float(np.sqrt(unit * usual[2]))
        change = Change(column, day, int(days[0]), value, value - half, value + half, expected, p, back)
        self._restart(column, day, weights, value - expected, back=back)
        return change

    def _onset(self, column: int, days: Kinds, weights: Floats, sign: int) -> int:
        """Return which of the days of a CUSUM's run is the likeliest to have been the first (Hinkley 1970)."""
        base = np.maximum(self.state.weight[self.kinds[days], column], 1e-300)
        off = self.now.value[days, column] - self.state.total[self.kinds[days], column] / base
        summed = np.cumsum((weights * off)[::-1])[::-1] / np.sqrt(np.cumsum(weights[::-1])[::-1])
        return int(np.argmax(sign * summed))

    def _against(
        self, column: int, days: Kinds, weights: Floats, weight: Floats, total: Floats
    ) -> tuple[float, float, float]:
        """Return the level of these days, what a base expects of days of their kinds, and the difference's variance."""
        share = np.bincount(self.kinds[days], weights=weights, minlength=len(weight)) / weights.sum()
        base = np.maximum(weight[:, column], 1e-300)
        value = float((weights * self.now.value[days, column]).sum() / weights.sum())
        expected = float((share * total[:, column] / base).sum())
        return value, expected, float(1 / weights.sum() + (share**2 / base).sum())

    def _restart(self, column: int, day: int, weights: Floats, rise: float, *, back: bool) -> None:
        """Make the days since the change the base, with the week's pattern of the base before."""
        state = self.state
        if back:
            state.weight[:, column], state.total[:, column] = (
                self.reference.weight[:, column], self.reference.total[:, column],
            )  # fmt: skip
        else:
            means = state.total[:, column] / np.maximum(state.weight[:, column], 1e-300) + rise
            state.weight[:, column] *= weights.sum() / max(float(state.weight[:, column].sum()), 1e-300)
            state.total[:, column] = means * state.weight[:, column]
        state.up[column] = state.down[column] = 0.0
        state.taken[column] = day + 1

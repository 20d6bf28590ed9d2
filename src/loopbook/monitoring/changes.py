"""Change detection for rates by day: a scan over the windows that may hold a change, self-starting.

Each day is compared with the days before it, on the scale of the spread between days (`day_spread`): the difference
divided by its own estimated spread has Student's distribution, and its normal score is one standard normal value a day,
independent of the others. A change leaves a known shape in these values, so each window that ends today is tested for
that shape: it is the comparison of the window with all days before it. The limits keep the promised rate of false
alarms with seven days of reference as with ninety.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr

from loopbook.monitoring import shifts
from loopbook.monitoring.shifts import WINDOWS
from loopbook.statistics.day_spread import FLOOR, Daily, Fit, Floats, Kinds, Pooled, fit, matched
from loopbook.statistics.intervals import Z

Matters = Callable[[int, float, float], bool]
"""Whether a change of a quantity (its number, value, expected) is large enough for an alarm."""
_ONE_DAY, _MOST = 0.75, 2.75
"""What one day counts for at most, of the limit of two days and in standard deviations: an odd day (a holiday) alone is
no change of level."""
_LEAN, _THIN = 2.0, 1.0
"""Largest skewness that is taken into account in the long tail and in the short one, whose end would stretch the error
of the mean before."""
_BACK = 2.0  # standard errors from the reference within which a level counts as back
_ALONG = 3.0  # standard errors from its proportion within which a share is taken to have changed with others only


class Change(NamedTuple):
    """A change of a quantity.

    `day` and `onset` are stream days; `value` is the level since the onset with its 95% interval, `expected` that
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
    """Sums over the days before each: by kind of day, [days + 1, kinds, k], those of residuals without, [days + 1, k].

    Windows begin on `began` at the earliest, [k].
    """

    weight: Floats
    total: Floats
    effect: Floats
    information: Floats
    square: Floats
    freedom: Floats
    began: NDArray[np.int64]


def watch(
    now: Daily,
    base: Daily,
    level: float | Floats,
    matters: Matters,
    prior: Pooled,
    whole: NDArray[np.int64] | None = None,
) -> list[Change]:
    """Watch k quantities day after day and say when one has changed.

    Parameters
    ----------
    now, base
        Stream and reference.
    level
        Probability of a false alarm a day, for each quantity.
    matters
        `Matters`.
    prior
        What the stream's quantities have in common.
    whole
        Of which whole each quantity is a share, int64 [k], in ascending order; where one share changes, the others of
        its whole are expected to keep their proportions from then on. None: each is a whole by itself.

    References
    ----------
    Hawkins, Qiu & Kang (2003), The changepoint model for statistical process control; Lai (1995), Sequential
    changepoint detection in quality control and dynamical systems, for windows; Brown, Durbin & Evans (1975),
    Techniques for testing the constancy of regression relationships over time, for the values by day.
    """
    return _Watch(now, base, level, matters, prior, whole).run()


class _Watch:
    """One pass over the stream."""

    def __init__(
        self,
        now: Daily,
        base: Daily,
        level: float | Floats,
        matters: Matters,
        prior: Pooled,
        whole: NDArray[np.int64] | None,
    ) -> None:
        width = now.value.shape[1]
        self.now, self.matters = now, matters
        self.whole = np.arange(width) if whole is None else whole
        self.correlation, self.common, self.worth = (np.broadcast_to(part, width) for part in prior)
        self.kinds, kinds = matched(now, base)
        self.reference: Fit = fit(base, kinds, prior.correlation)
        found = self.reference
        self.inverse = now.inverse
        typical = np.median(np.where(np.isfinite(base.inverse), base.inverse, np.nan_to_num(1.0)), axis=0)
        self.floor = (typical + FLOOR) / (typical + self.correlation)
        self.height = shifts.limits(np.broadcast_to(np.asarray(level, "float64"), width))
        self.most = np.minimum(_ONE_DAY * self.height[WINDOWS[0]], _MOST)
        none, days = np.zeros_like(found.weight), len(now.value)
        first = (found.weight, found.total, none, none, found.square, found.freedom)
        sums = [np.concatenate([part[None], np.zeros((days, *part.shape))]) for part in first]
        self.state = _State(sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], np.zeros(width, "int64"))

    def run(self) -> list[Change]:
        found: list[Change] = []
        for day in range(len(self.now.value)):
            self._learn(day)
            starts = np.maximum(day + 1 - WINDOWS, 0)
            z, over = self._tested(day, starts)
            clearest, today = over.argmax(axis=0), []
            for column in np.flatnonzero((over > 0).any(axis=0)).tolist():
                window = clearest[column]
                change = self._change(column, day, int(starts[window]), float(z[window, column]))
                today += [] if change is None else [change]
            for whole, changed in groupby(today, lambda change: int(self.whole[change.column])):
                self._displace(whole, list(changed))
            found += today
        return found

    def _scale(self, day: int) -> Floats:
        square = self.worth * self.common + self.state.square[day]
        found: Floats = np.maximum(square / np.maximum(self.worth + self.state.freedom[day], 1), self.floor)
        return found

    def _learn(self, day: int) -> None:
        """Add a day to the sums: its value, capped, and its normal score with the shape that a change would have."""
        state, kind = self.state, self.kinds[day]
        for part in (state.weight, state.total, state.effect, state.information, state.square, state.freedom):
            part[day + 1] = part[day]
        weight, freedom, inverse = state.weight[day, kind], self.worth + state.freedom[day], self.inverse[day]
        there = np.isfinite(inverse) & (weight > 0) & (freedom >= 1) & (self.now.unit > 0)
        if not there.any():
            return
        scale, weight = self._scale(day), np.maximum(weight, 1e-300)
        apart = np.where(there, inverse, 1.0) + self.correlation
        spread = np.sqrt(self.now.unit * scale * (apart + 1 / weight))
        mean = state.total[day, kind] / weight
        t = np.where(there, (np.where(there, self.now.value[day], 0.0) - mean) / spread, 0.0)
        lean = self.now.lean * (apart + self.correlation) / np.sqrt(apart)
        lean = np.clip(lean, np.where(t < 0, -_LEAN, -_THIN), np.where(t < 0, _THIN, _LEAN))
        u = np.clip(score(t, np.maximum(freedom, 1), lean), -self.most, self.most)
        capped = np.clip(t, -np.maximum(np.abs(u), 3), np.maximum(np.abs(u), 3))
        shape = 1 / (weight * np.sqrt(apart + 1 / weight))
        state.weight[day + 1, kind] += there / apart
        state.total[day + 1, kind] += there * (mean + capped * spread) / apart
        state.effect[day + 1, kind] += there * shape * u
        state.information[day + 1, kind] += there * shape**2
        state.square[day + 1] += there * capped**2 * scale
        state.freedom[day + 1] += there

    def _tested(self, day: int, starts: Kinds) -> tuple[Floats, Floats]:
        """Return each window's normal score, and by how much it is beyond its limit, both [starts, k]."""
        state = self.state
        sums = (state.effect, state.information, state.freedom)
        effect, information, days = (part[day + 1] - part[starts] for part in sums)
        before = state.weight[starts]
        spread = np.sqrt((before**2 * information).sum(axis=1))
        z = (before * effect).sum(axis=1) / np.maximum(spread, 1e-300)
        limit = np.take_along_axis(self.height, days.astype("int64"), axis=0)
        return z, np.where(starts[:, None] >= state.began, np.abs(z) - limit, -np.inf)

    def _change(self, column: int, day: int, first: int, z: float) -> Change | None:
        state = self.state
        days = np.arange(max(int(state.began[column]), day + 1 - int(WINDOWS[-1])), day + 1)
        days = days[np.isfinite(self.inverse[days, column])]
        weights = 1 / (self.inverse[days, column] + self.correlation[column])
        kept = self._onset(column, days, weights, first, z)
        days, weights = days[kept:], weights[kept:]
        unit = float(self.now.unit[column] * self._scale(first)[column])
        value, expected, _ = self._against(column, days, weights, state.weight[first], state.total[first])
        if not self.matters(column, value, expected):
            return None
        half = Z * float(np.sqrt(unit / weights.sum()))
        usual = self._against(column, days, weights, self.reference.weight, self.reference.total)
        back = abs(value - usual[1]) < _BACK * float(np.sqrt(unit * usual[2]))
        self._restart(column, first, day, float(weights.sum()), value - expected, back=back)
        p = float(2 * ndtr(-abs(z)))
        return Change(column, day, int(days[0]), value, value - half, value + half, expected, p, back)

    def _onset(self, column: int, days: Kinds, weights: Floats, first: int, sign: float) -> int:
        """Return which of the days is the likeliest to have been the first (Hinkley 1970)."""
        base = np.maximum(self.state.weight[first, self.kinds[days], column], 1e-300)
        off = self.now.value[days, column] - self.state.total[first, self.kinds[days], column] / base
        summed = np.cumsum((weights * off)[::-1])[::-1] / np.sqrt(np.cumsum(weights[::-1])[::-1])
        return int(np.argmax(np.sign(sign) * summed))

    def _against(
        self, column: int, days: Kinds, weights: Floats, weight: Floats, total: Floats
    ) -> tuple[float, float, float]:
        """Return the level of these days, what a base expects of days of their kinds, and the difference's variance."""
        share = np.bincount(self.kinds[days], weights=weights, minlength=len(weight)) / weights.sum()
        base = np.maximum(weight[:, column], 1e-300)
        value = float((weights * self.now.value[days, column]).sum() / weights.sum())
        expected = float((share * total[:, column] / base).sum())
        return value, expected, float(1 / weights.sum() + (share**2 / base).sum())

    def _restart(self, column: int, first: int, day: int, seen: float, rise: float, *, back: bool) -> None:
        """Make the days since the change the base, with the week's pattern of the base before."""
        state = self.state
        weight, total = (part[first, :, column] for part in (state.weight, state.total))
        if back:
            state.weight[day + 1, :, column], state.total[day + 1, :, column] = (
                self.reference.weight[:, column], self.reference.total[:, column],
            )  # fmt: skip
        else:
            kept = weight * seen / max(float(weight.sum()), 1e-300)
            state.weight[day + 1, :, column] = kept
            state.total[day + 1, :, column] = kept * (total / np.maximum(weight, 1e-300) + rise)
        state.square[day + 1, column], state.freedom[day + 1, column] = (
            state.square[first, column], state.freedom[first, column],
        )  # fmt: skip
        state.began[column] = day + 1

    def _displace(self, whole: int, changed: list[Change]) -> None:
        """Make the base of a whole's other shares what it was before the change, in proportion to what is left to them.

        That is their regression on the shares that changed, so it is as uncertain as these times their correlation. A
        share that is far from it has changed by itself, and is still compared with what it was.
        """
        state, own = self.state, [change.column for change in changed]
        first, day = min(change.onset for change in changed), changed[0].day
        others = np.setdiff1d(np.flatnonzero((self.whole == whole) & (state.began <= first)), own)
        taken, before = (
            min(max(sum(part), 0.001), 0.999)
            for part in zip(*((one.value, one.expected) for one in changed), strict=True)
        )
        left = (1 - taken) / (1 - before)
        weight, total = (part[first][:, others] for part in (state.weight, state.total))
        share = np.clip(left * total.sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-300), 0, 1 - taken)
        tied = taken * share / ((1 - taken) * (1 - share))  # square of their correlation
        seen = 1 / (self.inverse[first : day + 1, own[0]] + self.correlation[own[0]])
        kept = 1 / (1 + tied * weight.sum(axis=0) / seen.sum())
        level = seen @ np.nan_to_num(self.now.value[first : day + 1, others]) / seen.sum()
        error = 1 / seen.sum() + 1 / np.maximum(kept * weight.sum(axis=0), 1e-300)
        along = (level - share) ** 2 < _ALONG**2 * error * (self.now.unit * self._scale(first))[others]
        others, kept = others[along], kept[along]
        state.weight[day + 1][:, others], state.total[day + 1][:, others] = (
            weight[:, along] * kept, total[:, along] * kept * left,
        )  # fmt: skip
        state.square[day + 1][others], state.freedom[day + 1][others] = (
            state.square[first][others], state.freedom[first][others],
        )  # fmt: skip
        state.began[others] = day + 1

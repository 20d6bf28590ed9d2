"""Concept drift by segment: have the same inputs come to mean something else in one place?

Looked at when outcomes have arrived, segment by segment: the error of the probabilities beside that of all other rows
of the same days. A change of the base rate or of the whole calibration moves all segments and cancels out. Of more than
two classes the probability is that of the most probable one, and the outcome is whether that is right.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from loopbook.monitoring import shifts, signals
from loopbook.monitoring.segment_values import Cells, memberships
from loopbook.monitoring.timeline import Floats, Log, Side

LEAST_EFFECT = 0.12
"""Smallest change of a segment's mean error, beside the others, worth an alert: so many outcomes in one are others."""
_LEAST_ROWS = 15  # rows of a segment below which it is not tested
_BINS, _ROWS_A_BIN = 12, 100  # of the reference, for what errors are usual at a probability
_STANDS_OUT = 0.01  # p-value of a segment that is named when all segments together have given the alarm


def watch(log: Log) -> pd.DataFrame:
    """Watch each segment's error, outcome minus probability, beside that of the other rows.

    An error counts in proportion to the probability: what changes its meaning is mostly what used to be clear, and an
    outcome that fails to come where the model was sure says more than many that did not come where it saw nothing.
    Days and segments are controlled for (difference of differences). The level is divided among the segment columns; in
    each, half of it goes to single segments (Benjamini and Hochberg), half to all of them together (a sum of squares),
    which finds a change of several segments sooner. A segment with an alarm no longer counts among the others, so
    that beside it those that stayed do not seem to have moved the other way.

    Returns
    -------
    DataFrame
        A row for the clearest segment of each day, and one for each further segment with an alarm (`signals.COLUMNS`);
        ``value`` and ``expected`` are mean errors beside the other rows, in the window and in the reference.
    """
    columns = log.scenario.monitoring.segments
    watched = columns if "meaning" in log.checks else ()
    looks = (_column(log, _Segments.of(*log.known, column), log.level / len(columns)) for column in watched)
    return signals.table([row for rows in looks for row in rows], "meaning")


def _usual(reference: Side, probability: Floats) -> Floats:
    """Return mean, variance and third moment of the weighted error where nothing changed, float64 [3, n].

    They come from the reference, by bins of the probability, so that probabilities that are wrong in themselves, and
    mistakes in the labels, are what is expected and no news.
    """
    bins = max(1, min(_BINS, len(reference) // _ROWS_A_BIN))
    edges = np.quantile(reference.chance, np.linspace(0, 1, bins + 1)[1:-1])
    place = np.searchsorted(edges, reference.chance, "right")
    count = np.maximum(np.bincount(place, minlength=bins), 1)
    error = reference.chance * (reference.event - reference.chance)
    mean = np.bincount(place, weights=error, minlength=bins) / count
    off = error - mean[place]
    moments = [mean, *(np.bincount(place, weights=off**power, minlength=bins) / count for power in (2, 3))]
    return np.asarray(np.stack(moments)[:, np.searchsorted(edges, probability, "right")], dtype="float64")


class _Moments(NamedTuple):
    """Sums over some rows.

    `plain` is the error, outcome minus probability; `error` the same, weighted, less what is usual at that probability;
    `variance` and `third` are the moments that it has if nothing changed.
    """

    rows: Floats
    plain: Floats
    error: Floats
    square: Floats
    variance: Floats
    third: Floats

    @property
    def excess(self) -> Floats:
        """By how much the errors spread more than usual, at least 1."""
        spread = (self.square - self.error**2 / self.rows) / self.variance
        return np.asarray(np.where(self.variance > 0, np.maximum(1.0, spread), 1.0), dtype="float64")


class _Beside(NamedTuple):
    """Segments beside the other rows, each [segments].

    rows, mean plain error, mean error, its variance and third moment, and by how much the errors of the segment's own
    rows spread more than usual (at least 1).
    """

    rows: Floats
    plain: Floats
    error: Floats
    variance: Floats
    third: Floats
    excess: Floats


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over the rows of a side by day, each of the six of `_Moments`.

    `own` is by segment, [6, days, segments]; `every` and `cells`, of all rows [6, days] and by segment, are without the
    segments that no longer count among the others. `values` is what is summed, [6, n].
    """

    side: Side
    names: Cells
    values: Floats
    own: Floats
    every: Floats
    cells: Floats

    @classmethod
    def of(cls, side: Side, names: Cells, usual: Floats) -> "_Sums":
        mean, variance, third = usual
        plain = side.event - side.chance
        error = side.chance * plain - mean
        values = np.stack([np.ones(len(side)), plain, error, error**2, variance, third])
        every, cells = names.sums(side, values)
        return cls(side, names, values, cells, every, cells)

    def without(self, excluded: set[int]) -> "_Sums":
        """Return the same with these segments no longer among the others."""
        counted = ~np.isin(np.arange(len(self.side)), self.names.row[np.isin(self.names.cell, list(excluded))])
        every, cells = self.names.sums(self.side, self.values * counted)
        return replace(self, every=every, cells=cells)

    def design(self) -> float:
        """Return by how much the errors of a day's rows of one segment vary more than independent rows (at least 1)."""
        rows, _, error, _, variance, _ = self.own
        others = np.maximum(self.every[0][:, None] - rows, 1)
        off = error - rows * (self.every[2][:, None] - error) / others
        usual = variance + (rows / others) ** 2 * (self.every[4][:, None] - variance)
        off = off - rows * off.sum(axis=0) / np.maximum(rows.sum(axis=0), 1)
        days = (rows > 0).sum(axis=0)
        expected = (usual.sum(axis=0) * np.maximum(days - 1, 0) / np.maximum(days, 1)).sum()
        return max(1.0, float((off**2).sum() / expected)) if expected > 0 else 1.0

    def beside(self, first: int, last: int) -> _Beside:
        """Return each segment beside the other rows of the days `first` to `last`."""
        days = slice(first, last + 1)
        mine = _Moments(*self.own[:, days].sum(axis=1))
        rest = _Moments(*self.every[:, days].sum(axis=1)[:, None] - self.cells[:, days].sum(axis=1))
        with np.errstate(divide="ignore", invalid="ignore"):
            # In a world that has changed, errors may spread more than before; the others' show by how much.
            excess = rest.excess
            return _Beside(
                mine.rows,
                mine.plain / mine.rows - rest.plain / rest.rows,
                mine.error / mine.rows - rest.error / rest.rows,
                excess * (mine.variance / mine.rows**2 + rest.variance / rest.rows**2),
                excess**1.5 * (mine.third / mine.rows**3 - rest.third / rest.rows**3),
                mine.excess,
            )


@dataclass(frozen=True, eq=False)
class _Segments:
    """Stream and reference by the segments of one column."""

    now: _Sums
    base: _Sums
    design: float = 1.0

    @classmethod
    def of(cls, stream: Side, reference: Side, column: str) -> "_Segments":
        names = sorted({name for side in (stream, reference) for _, name in memberships(side.frame, (column,))})
        now, base = (
            _Sums.of(side, Cells.of(side.frame, (column,), names), _usual(reference, side.chance))
            for side in (stream, reference)
        )
        return cls(now, base, base.design())

    def before(self, first: int, since: NDArray[np.int64]) -> _Beside:
        """Return what a window from `first` on is compared with: the reference, or the stream since `since`."""
        found = self.base.beside(0, self.base.side.days)
        for start in sorted(set(since[since >= 0].tolist())):
            own = self.now.beside(start, first - 1)
            found = _Beside(*(np.where(since == start, *both) for both in zip(own, found, strict=True)))
        return found


class _Look(NamedTuple):
    """One window against its base, by segment [segments]: mean plain errors, z, p-value; and all of them together."""

    first: int
    value: Floats
    expected: Floats
    z: Floats
    p: Floats
    together: float


def _column(log: Log, segments: _Segments, level: float) -> list[dict[str, object]]:
    names = segments.now.names.names
    since = np.full(len(names), -1)
    excluded: set[int] = set()
    rows: list[dict[str, object]] = []
    for last in range(segments.now.side.days):
        named: set[int] = set()
        alarm = True
        while alarm:
            cell, q, look = _clearest(log, segments, last, since, level, named)
            value, usual = float(look.value[cell]), float(look.expected[cell])
            size = abs(value - usual) if np.isfinite(value - usual) else 0.0
            alarm = bool(q <= level and size >= LEAST_EFFECT)
            if named and not alarm:
                break
            words = (
                f"in {names[cell]}, outcomes are {value:+.2f} from the probabilities beside other rows, instead of "
                f"{usual:+.2f} ({signals.shown(q)})"
            )
            title = f"the same inputs mean something else in {names[cell]}"
            row = {
                "title": title,
                "place": names[cell],
                "day": last + log.delay,
                "onset": last,
                "last": last,
                "value": value,
            }
            row |= {"expected": usual, "effect": size, "p": q, "alarm": alarm, "evidence": words}
            if alarm:
                row["onset"] = since[cell] = _began(segments, cell, since, look, last)
                named.add(cell)
                excluded.add(cell)
                segments = replace(segments, now=segments.now.without(excluded), base=segments.base.without(excluded))
            rows.append(row)
    return rows


def _clearest(
    log: Log, segments: _Segments, last: int, since: NDArray[np.int64], level: float, named: set[int]
) -> tuple[int, float, _Look]:
    """Return the segment that has moved most, its corrected p-value, and the window that shows it."""
    longest = log.scenario.monitoring.window_days
    sizes = [size for size in shifts.LENGTHS if size <= min(longest, last + 1)]
    looks = [_look(segments, last - size + 1, last, since, longest) for size in sizes]
    p = np.stack([look.p for look in looks])
    q = np.minimum(1.0, 2 * signals.adjusted(p))
    for index, look in enumerate(looks):
        # All segments together are a reason for an alarm; those that stand out in that window are its places.
        joint = min(1.0, 2 * len(looks) * look.together)
        q[index] = np.where(p[index] <= _STANDS_OUT, np.minimum(q[index], joint), q[index])
    strength = np.stack([np.abs(look.z) for look in looks])
    size = np.stack([np.abs(look.value - look.expected) for look in looks])
    fits = (q <= level) & (size >= LEAST_EFFECT)
    fits[:, list(named)] = False
    at = int(np.argmax(np.where(fits, strength, -1)) if fits.any() else np.argmin(q))
    row, cell = divmod(at, q.shape[1])
    return cell, float(q[row, cell]), looks[row]


def _look(segments: _Segments, first: int, last: int, since: NDArray[np.int64], rest: int) -> _Look:
    now, before = segments.now.beside(first, last), segments.before(first, since)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = segments.design * (now.variance + before.variance)
        z = (now.error - before.error) / np.sqrt(variance)
        skewness = (now.third - before.third) / variance**1.5
        # What was usual in the reference no longer is in a segment that has changed.
        z = np.where(since >= 0, z / np.sqrt(before.excess), z)
    fits = (now.rows >= _LEAST_ROWS) & (before.rows >= _LEAST_ROWS) & np.isfinite(z * skewness)
    # The days behind an alarm were chosen for being extreme; only with others beside them are they a base.
    fits &= (since < 0) | (first >= since + rest)
    p = np.ones(len(z))
    p[fits] = [shifts.tail(value, lean) for value, lean in zip(z[fits].tolist(), skewness[fits].tolist(), strict=True)]
    squares = np.where(fits, norm.isf(np.maximum(p, 1e-300) / 2) ** 2, 0.0)
    together = float(chi2.sf(squares.sum(), fits.sum())) if fits.any() else 1.0
    return _Look(first, now.plain, before.plain, np.where(fits, z, 0.0), p, together)


def _began(segments: _Segments, cell: int, since: NDArray[np.int64], look: _Look, last: int) -> int:
    """Return the start of the stretch up to `last` in which the segment differs most clearly from its base."""
    best, began = 0.0, look.first
    before = segments.before(look.first, since)
    for start in range(max(0, int(since[cell]) + 1), last + 1):
        mine = segments.now.beside(start, last)
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (mine.error[cell] - before.error[cell]) / np.sqrt(mine.variance[cell] + before.variance[cell])
        z = float(z * np.sign(look.z[cell]))
        if mine.rows[cell] >= _LEAST_ROWS / 3 and np.isfinite(z) and z > best:
            best, began = z, start
    return began

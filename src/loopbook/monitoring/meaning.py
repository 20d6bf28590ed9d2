"""Meaning: in one segment, have the same texts come to mean something else (concept drift in one place)?

Looked at when outcomes have arrived, segment by segment: the error of the probabilities beside that of all other rows
of the same days. A change of the base rate or of the whole calibration moves all segments and cancels out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2

from loopbook.monitoring import shifts, signals
from loopbook.monitoring.segments import memberships
from loopbook.monitoring.timeline import Floats, Log, Mask, Side, known

LEAST_EFFECT = 0.12
"""Smallest change of a segment's mean error, beside the others, worth an alert: so many outcomes in one are others."""
_LEAST_ROWS = 15  # rows of a segment below which it is not tested


def watch(log: Log) -> pd.DataFrame:
    """Watch each segment's error, outcome minus probability, beside that of the other rows.

    An error counts in proportion to the probability: what changes its meaning is mostly what used to be clear, and an
    outcome that fails to come where the model was sure says more than many that did not come where it saw nothing.
    Days and segments are controlled for (difference of differences). The level is divided among the segment columns; in
    each, half of it goes to single segments (Benjamini and Hochberg), half to all of them together (a sum of squares),
    which finds a change of several segments sooner. For the length of a window after an alarm, only changes in its
    direction count: beside segments that fell, the others seem to have risen.

    Returns
    -------
    DataFrame
        A row for the clearest segment of each day, and one for each further segment with an alarm (`signals.COLUMNS`);
        ``value`` and ``expected`` are mean errors beside the other rows, in the window and in the reference.
    """
    columns = log.scenario.monitoring.segments
    if "meaning" not in log.checks:
        return signals.table([])
    stream, reference = known(log)
    rows: list[dict[str, object]] = []
    for column in columns:
        rows += _column(log, column, stream, reference, log.level / len(columns))
    return signals.table(rows)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums by day and segment, float64 [days, segments + 1]; the last column is all rows.

    count, plain (outcome minus probability), error (the same, weighted), spread (variance of `error` if the
    probabilities are right).
    """

    count: Floats
    plain: Floats
    error: Floats
    spread: Floats

    @classmethod
    def of(cls, side: Side, column: str, names: list[str]) -> _Sums:
        number = {name: at for at, name in enumerate(names)}
        pairs = [(row, number[name]) for row, name in memberships(side.frame, (column,))]
        pairs += [(row, len(names)) for row in range(len(side))]
        row, cell = np.array(pairs, dtype="int64").reshape(-1, 2).T
        width = len(names) + 1
        p, plain = side.probability, side.label - side.probability

        def sums(values: Floats) -> Floats:
            flat = side.day[row] * width + cell
            summed = np.bincount(flat, weights=values[row], minlength=side.days * width)
            return summed.astype("float64").reshape(side.days, width)

        return cls(sums(np.ones(len(side))), sums(plain), sums(p * plain), sums(p**3 * (1 - p)))

    def beside(self, days: Mask) -> tuple[Floats, Floats, Floats, Floats]:
        """Return by segment, beside the other rows: rows, mean plain error, mean weighted error, and its variance."""
        count, plain, error, spread = (
            part[days].sum(axis=0) for part in (self.count, self.plain, self.error, self.spread)
        )
        own, rest = count[:-1], count[-1] - count[:-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            return (
                own,
                plain[:-1] / own - (plain[-1] - plain[:-1]) / rest,
                error[:-1] / own - (error[-1] - error[:-1]) / rest,
                spread[:-1] / own**2 + (spread[-1] - spread[:-1]) / rest**2,
            )


@dataclass(frozen=True, eq=False)
class _Look:
    """One window against its base, by segment [segments]: first day, mean errors, z."""

    first: int
    value: Floats
    expected: Floats
    z: Floats
    together: float  # p-value of all segments together
    p: Floats


def _column(log: Log, column: str, stream: Side, reference: Side, level: float) -> list[dict[str, object]]:
    names = sorted({name for side in (stream, reference) for _, name in memberships(side.frame, (column,))})
    now, base = _Sums.of(stream, column, names), _Sums.of(reference, column, names)
    expected = base.spread[:, -1].sum()
    error = reference.probability * (reference.label - reference.probability)
    # Probabilities that are wrong in themselves give more variance than p (1 - p).
    excess = max(1.0, float(((error - error.mean()) ** 2).sum() / expected)) if expected > 0 else 1.0
    since = np.full(len(names), -1)
    direction, until = 0.0, -1
    rows: list[dict[str, object]] = []
    for last in range(stream.days):
        lengths = [size for size in shifts.LENGTHS if size <= min(log.scenario.monitoring.window_days, last + 1)]
        looks = [_look(now, base, last - size + 1, last, since, excess) for size in lengths]
        p = np.stack([look.p for look in looks])
        single = 2 * signals.adjusted(p.ravel()).reshape(p.shape)
        together = np.array([min(1.0, 2 * len(looks) * look.together) for look in looks])
        nearest = np.argmin(p, axis=0)
        # All segments together are a reason for an alarm, and those that stand out in that window are its places.
        at = int(np.argmin(together))
        joint = (together[at] <= level) & (looks[at].p <= 0.01)
        nearest = np.where(joint, at, nearest)
        q = np.array([min(single[row, cell], 1.0) for cell, row in enumerate(nearest.tolist())])
        q = np.where(joint, np.minimum(q, together[at]), q)
        if last > until:
            # Of all segments together, the side with more of the sum of squares is what has changed.
            sides = [float((looks[at].z[looks[at].z * sign > 0] ** 2).sum()) for sign in (-1, 1)]
            direction = float(np.sign(sides[1] - sides[0])) if joint.any() else 0.0
        strength = np.array([looks[row].p[cell] for cell, row in enumerate(nearest.tolist())])
        for rank, cell in enumerate(np.lexsort((strength, q)).tolist()):
            look = looks[nearest[cell]]
            opposed = direction * look.z[cell] < 0
            value, usual = float(look.value[cell]), float(look.expected[cell])
            size = abs(value - usual) if np.isfinite(value - usual) else 0.0
            alarm = bool(q[cell] <= level and size >= LEAST_EFFECT and not opposed)
            if not alarm and rank and not opposed:
                break
            if opposed and rank:
                continue
            began, words = last, ""
            if alarm:
                began = _began(now, base, cell, int(since[cell]), look, last, excess)
                since[cell] = began
                direction, until = float(np.sign(look.z[cell])), last + log.scenario.monitoring.window_days
                words = (
                    f"in {names[cell]}, outcomes are {value:+.2f} from the probabilities beside other rows, instead of "
                    f"{usual:+.2f} ({signals.shown(float(q[cell]))})"
                )
            numbers = (value, np.nan, np.nan, usual, size, float(q[cell]), alarm, words)
            row = ("meaning", names[cell], last + log.delay, began, last, *numbers)
            rows.append(dict(zip(signals.COLUMNS, row, strict=True)))
    return rows


def _look(now: _Sums, base: _Sums, first: int, last: int, since: np.ndarray, excess: float) -> _Look:
    """Compare every segment in a window with its base: the reference, or the stream since its last change."""
    days = np.arange(len(now.count))
    rows, value, error, spread = now.beside((days >= first) & (days <= last))
    before, usual, expected, wide = base.beside(np.ones(len(base.count), bool))
    for start in sorted(set(since[since >= 0].tolist())):
        own, at = now.beside((days >= start) & (days < first)), since == start
        before, usual, expected, wide = (
            np.where(at, mine, theirs) for mine, theirs in zip(own, (before, usual, expected, wide), strict=True)
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (error - expected) / np.sqrt(excess * (spread + wide))
    fits = (rows >= _LEAST_ROWS) & (before >= _LEAST_ROWS) & (first > since) & np.isfinite(z)
    z = np.where(fits, z, 0.0)
    p = np.array([shifts.tail(one, 0.0) if fit else 1.0 for one, fit in zip(z.tolist(), fits.tolist(), strict=True)])
    together = float(chi2.sf((z**2).sum(), fits.sum())) if fits.any() else 1.0
    return _Look(first, value, usual, z, together, p)


def _began(now: _Sums, base: _Sums, cell: int, since: int, look: _Look, last: int, excess: float) -> int:
    """Return the start of the stretch up to `last` in which the segment differs most clearly from its base."""
    days, best, began = np.arange(len(now.count)), 0.0, look.first
    inside = (days >= since) & (days < look.first)
    before = now.beside(inside) if since >= 0 else base.beside(np.ones(len(base.count), bool))
    for start in range(max(0, since + 1), last + 1):
        mine = now.beside((days >= start) & (days <= last))
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (mine[2][cell] - before[2][cell]) / np.sqrt(excess * (mine[3][cell] + before[3][cell]))
        z = float(z * np.sign(look.z[cell]))
        if mine[0][cell] >= _LEAST_ROWS / 3 and np.isfinite(z) and z > best:
            best, began = z, start
    return began

"""Surge detection: a segment with far more rows, or far more of an action, than its history explains.

Each day the number of rows of a segment is compared with its share of the day's rows so far. The largest surge is
taken out, and the rest is looked at again, so that one event that drives two segments is one surge. What a
surge explains is taken out of all later checks: a busy day of one segment is no change of the world. Of more than two
classes each is a segment of its own, by the model's answer, that is looked at last. Its surges are told and not taken
out: the others' shares are compared with its own, and what is right of it would go and what is wrong would stay.
Where the scenario says which answer is the sentiment, bad and good news are counted too, and a surge of which more than
half is good news, corrected for the classifier's errors, is told and no alarm.

These are counts of one to three days, not rates: their spread between days is the overdispersion of the history's
counts (quasi-Poisson), not `day_spread`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import nbinom

from loopbook.monitoring import sentiment, signals
from loopbook.monitoring.segment_values import Cells, memberships, named
from loopbook.monitoring.sentiment import NEGATIVE, POSITIVE, Sentiment
from loopbook.monitoring.timeline import ANSWER, Floats, Log, Mask, Side

LENGTHS = (1, 2, 3)
"""Days over which rows are counted together, so that a small surge is found on its second or third day."""
LEAST_RATIO, LEAST_EXCESS = 2.0, 5.0
"""A surge worth an alert is at least this many times what was expected, and this many rows more."""
_HARDLY = 0.001  # share of the reference's rows up to which a segment was not there
_FEW, _FOLD = 3, 30  # rows up to which it was not there either, if so many times what was expected has come
_MOST_A_DAY = 10
_FEW_ACTIONS = 6
_ANSWERS = named(ANSWER, "")[:-1]
GOOD_NEWS = "good_news"
"""Check of surges that are told and no alarm."""
_PAUSE = 2  # days without an alarm after which the same segment's next alarm is a surge of its own


@dataclass(frozen=True, eq=False)
class Surges:
    """What was found.

    Attributes
    ----------
    signals
        One row a surge and day of alarm (`signals.COLUMNS`); ``onset`` is the surge's first day.
    rows, reference_rows
        bool [n] of stream and reference: rows that belong to a surge, but of a class.
    """

    signals: pd.DataFrame
    rows: Mask
    reference_rows: Mask


def watch(log: Log) -> Surges:
    """Look for surges in every value of every segment column, day by day, each against its own history.

    Returns
    -------
    Surges
        One without rows where there are two classes and no segment columns in the scenario.
    """
    stream, reference, columns = log.stream, log.reference, log.segments
    if not columns:
        return Surges(signals.table([]), np.zeros(len(stream), bool), np.zeros(len(reference), bool))
    names = sorted({name for side in (stream, reference) for _, name in memberships(side.frame, columns)})
    read = sentiment.read(log)
    kinds = _kinds(log, read)
    old, new = (
        _View(side, Cells.of(side.frame, columns, names), np.stack([kind.rows[at] for kind in kinds]))
        for at, side in enumerate((reference, stream))
    )
    # The reference may hold surges itself. Twice, so that the second look has a history without the largest ones.
    taken = np.zeros(len(reference), bool)
    found: list[_Found] = []
    for _ in range(2):
        found = _sweep(log, old, _history(old, ~taken), own=True)
        taken = _rows(reference, found)
    history = _history(old, ~taken)
    before = _rows(reference, [hit for hit in found if not hit.answer])
    found = _sweep(log, new, history, own=False)
    rows = _rows(stream, [hit for hit in found if not hit.answer])
    told = _signals(log, new.cells, found, history, [kind.what for kind in kinds], read)
    return Surges(signals.table(told, "surge"), rows, before)


@dataclass(frozen=True, eq=False)
class _History:
    """What is known of the segments: counts [kinds, segments], exposures and dispersions [kinds] (`_kinds`)."""

    counts: Floats
    exposure: Floats
    dispersion: Floats


class _Found(NamedTuple):
    """A surge of a segment on a day."""

    cell: int
    day: int
    first: int
    kind: int  # number of what was counted (`_kinds`)
    seen: float
    expected: float
    p: float
    usual: float  # rows that were expected, whatever was counted
    rows: NDArray[np.intp]
    answer: bool  # whether the segment is a class


def _rows(side: Side, found: list[_Found]) -> Mask:
    """Return which rows belong to surges, bool [n]."""
    taken = np.zeros(len(side), bool)
    taken[[row for hit in found for row in hit.rows]] = True
    return taken


class _Kind(NamedTuple):
    """What is counted of a segment, and which rows of reference and stream it is."""

    what: str
    rows: tuple[Mask, Mask]


@dataclass(frozen=True, eq=False)
class _View:
    """A side with the segments of its rows, and which rows are of each kind, bool [kinds, n]."""

    side: Side
    cells: Cells
    kinds: Mask


def _kinds(log: Log, read: Sentiment | None) -> list[_Kind]:
    """Return what is counted of a segment: its rows first, those that were given an action, bad news and good news.

    Of two actions it is the second, of a few each; of many the classes' own surges tell as much.
    """
    units, actions, sides = log.scenario.task.units, log.prices.actions, (log.reference, log.stream)
    counted = [1] if len(actions) == 2 else range(len(actions) if len(actions) <= _FEW_ACTIONS else 0)
    reference, stream = (np.ones(len(side), bool) for side in sides)
    kinds = [_Kind(units, (reference, stream))]
    for at in counted:
        reference, stream = (side.action == at for side in sides)
        kinds.append(_Kind(f"{units} with action “{actions[at]}”", (reference, stream)))
    if read is not None:
        kinds.append(_Kind(f"{units} with bad news", read.rows(NEGATIVE)[::-1]))
        kinds.append(_Kind(f"{units} with good news", read.rows(POSITIVE)[::-1]))
    return kinds


def _history(view: _View, rows: Mask) -> _History:
    totals, daily = view.cells.sums(view.side, (view.kinds & rows).astype("float64"))
    dispersion = []
    for counts, total in zip(daily, totals, strict=True):
        share = counts.sum(axis=0) / max(total.sum(), 1)
        expected = np.outer(total, share)
        seen = expected > 0.2
        degrees = max(1, seen.sum() - seen.any(axis=0).sum())
        ratio = float(((counts - expected)[seen] ** 2 / expected[seen]).sum() / degrees)
        dispersion.append(float(np.clip(ratio, 1.0, 10.0)))
    return _History(daily.sum(axis=1), totals.sum(axis=1), np.array(dispersion))


def _tail(seen: Floats, exposure: Floats, history: _History) -> tuple[Floats, Floats]:
    """Return expected counts and p-values of counts as large as `seen`, both [kinds, segments], given exposures.

    A segment's rate has a gamma posterior (Jeffreys prior), so the predictive count is negative binomial; the
    variance is raised by the dispersion of the history.
    """
    shape = history.counts + 0.5
    ratio = (exposure / np.maximum(history.exposure, 1))[:, None]
    mean = np.maximum(shape * ratio, 1e-12)
    variance = mean * history.dispersion[:, None] + mean**2 / shape
    size = mean**2 / np.maximum(variance - mean, 1e-12)
    p = nbinom.sf(seen - 1, size, size / (size + mean))
    return mean, np.where(seen > 0, p, 1.0)


def _sweep(log: Log, view: _View, history: _History, *, own: bool) -> list[_Found]:
    """Go through the days and take out surges; return what was found.

    `own`: the history is of these same days, so that each leaves itself out.
    """
    left = np.ones(len(view.side), bool)
    found: list[_Found] = []
    base = history
    for day in range(view.side.days):
        for _ in range(_MOST_A_DAY):
            hit = _largest(log, view, base, left, day, own)
            if hit is None:
                break
            found.append(hit)
            left[hit.rows] = False
        if not own:
            counts, exposure = _window(view, left, day, day)
            base = _History(base.counts + counts, base.exposure + exposure, base.dispersion)
    return found


def _window(view: _View, left: Mask, first: int, last: int) -> tuple[Floats, Floats]:
    cells, counted = view.cells, view.kinds & left & (view.side.day >= first) & (view.side.day <= last)
    counts = [np.bincount(cells.cell[rows[cells.row]], minlength=len(cells.names)) for rows in counted]
    return np.stack(counts).astype("float64"), np.array([rows.sum() for rows in counted], dtype="float64")


def _largest(log: Log, view: _View, history: _History, left: Mask, day: int, own: bool) -> _Found | None:
    """Return the clearest surge that the day's end shows, if any is beyond the limits."""
    side, cells, looks = view.side, view.cells, []
    for first in (day - length + 1 for length in LENGTHS if length <= day + 1):
        counts, exposure = _window(view, left, first, day)
        # Earlier days of the window are in the history already.
        known, known_exposure = (counts, exposure) if own else _window(view, left, first, day - 1)
        rest = np.maximum(history.counts - known, 0), np.maximum(history.exposure - known_exposure, 1)
        looks.append((counts, *_tail(counts, exposure, _History(*rest, history.dispersion))))
    seen, expected, p = (np.stack(parts) for parts in zip(*looks, strict=True))
    corrected = signals.adjusted(p)
    large = (seen >= LEAST_RATIO * expected) & (seen - expected >= LEAST_EXCESS) & (corrected <= log.level)
    answers = np.array([name.startswith(_ANSWERS) for name in cells.names])
    large[:, 1:] &= ~answers  # which action a class calls for says nothing beyond how often it comes
    large = large & ~answers if (large & ~answers).any() else large
    if not large.any():
        return None
    at = np.unravel_index(np.argmin(np.where(large, p, 2.0)), p.shape)
    length, kind, cell = (int(part) for part in at)
    first = day - LENGTHS[length] + 1
    members = np.flatnonzero(cells.members(len(side), cell) & left & (side.day >= first) & (side.day <= day))
    figures = (float(seen[at]), float(expected[at]), float(corrected[at]), float(expected[length, 0, cell]))
    return _Found(cell, day, first, kind, *figures, members, bool(answers[cell]))


def _signals(
    log: Log, cells: Cells, found: list[_Found], history: _History, kinds: list[str], read: Sentiment | None
) -> list[dict[str, object]]:
    began: dict[int, tuple[int, int, bool]] = {}
    rows: list[dict[str, object]] = []
    for hit in found:
        first, last, good = began.get(hit.cell, (hit.first, hit.first, False))
        again = hit.first - last <= _PAUSE
        excess = read.excess(hit.rows, hit.usual) if read else None
        good = excess is not None and (excess.is_good or (good and again and not excess.is_bad))
        first = first if again else hit.first
        began[hit.cell] = (first, hit.day, good)
        units, what = log.scenario.task.units, kinds[hit.kind]
        before = history.counts[0][hit.cell]
        new = before <= _HARDLY * max(history.exposure[0], 1) or (before <= _FEW and hit.seen > _FOLD * hit.expected)
        with_it = _shared_segment(cells, hit, history)
        evidence = f"{hit.seen:.0f} {what} where {hit.expected:.1f} were expected ({signals.shown(hit.p)})"
        place = cells.names[hit.cell]
        if with_it:
            evidence, place = f"{evidence}, most of them with {with_it}", f"{place} & {with_it}"
        evidence = f"{evidence}: {excess}" if excess else evidence
        title = f"{cells.names[hit.cell]}: {hit.seen:.0f} {what} where {hit.expected:.1f} were expected"
        if new:
            title = f"{cells.names[hit.cell]} is new: {len(hit.rows):,} {units}, {before:.0f} in the whole reference"
        if excess and (good or excess.is_bad):
            title = f"{title}, most of them {'good' if good else 'bad'} news"
        row: dict[str, object] = {
            "check": GOOD_NEWS if good else "segment" if new else "surge",
            "title": title,
            "place": place,
            "day": hit.day,
            "onset": first,
            "last": hit.day,
            "value": hit.seen,
        }
        row |= {"expected": hit.expected, "effect": hit.seen / max(hit.expected, 0.5), "p": hit.p, "alarm": True}
        rows.append(row | {"evidence": evidence})
    return rows


def _shared_segment(cells: Cells, hit: _Found, history: _History) -> str:
    """Return the segment of another column that most rows of a surge share, if it is far commoner there than before."""
    inside = np.zeros(int(cells.row.max(initial=-1)) + 1, bool)
    inside[hit.rows] = True
    counts = np.bincount(cells.cell[inside[cells.row]], minlength=len(cells.names)) / max(1, len(hit.rows))
    usual = history.counts[0] / max(history.exposure[0], 1)
    column = cells.names[hit.cell].partition(" “")[0]
    other = np.array([name.partition(" “")[0] != column for name in cells.names])
    common = other & (counts > 0.5) & (counts > LEAST_RATIO * usual)
    return cells.names[int(np.argmax(np.where(common, counts, -1)))] if common.any() else ""

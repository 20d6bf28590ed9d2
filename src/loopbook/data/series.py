"""Time series as rows: readings of sensors, at uneven steps and with gaps, become windows with features."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import labels, parsing
from loopbook.data.cleaning import shorten
from loopbook.data.files import Broken
from loopbook.scenario.errors import DataError
from loopbook.scenario.series import FAULT, NO_FAULT, Series
from loopbook.scenario.source import Read
from loopbook.scenario.task import FAILURE, LABEL, NORMAL

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = NDArray[np.float64]

KINDS = ("shift", "drift", "noise", "spike", "frozen")
"""Simulated faults: a level that jumps or creeps away, noise, a spike, a value that stays."""
_TINY = 1e-6
_FILLED = 0.6  # share of an even grid's places, from which on it is no finer than the readings


def windows(
    frame: pd.DataFrame, lines: NDArray[np.int64], source: Read
) -> tuple[pd.DataFrame, NDArray[np.int64], list[Broken], str]:
    """Return the windows of a series, a row each step, in the order of time; twins with simulated faults behind.

    Parameters
    ----------
    frame, lines
        Readings as the source has them, in any order, and the line of each.
    source
        With its `series`.

    Returns
    -------
    frame
        ``source.time`` (the window's end, UTC, when all of it is known) and `Series.columns`.
    lines
        The line of the last reading of each window.
    broken
        Readings without a time or with a value that is no number.
    caution
        What was left out because of gaps, and how many windows are simulated; empty: nothing.

    Raises
    ------
    DataError
        If the readings are too few for one window.
    """
    assert source.series is not None and source.time is not None
    series, time = source.series, str(source.time)
    read, broken = _readings(frame, lines, source)
    per_step = _per_step(read, series)
    base = series.step_minutes * 60 / per_step
    size = round(series.window_hours * 3600 / base)
    length = max(size, (max(series.lags, default=0) + 1) * per_step)
    # The middle of readings that fall into one place of the even grid; a place without one is a gap.
    place = ((read.index - read.index[0].floor("D")).total_seconds().to_numpy() // base).astype(np.int64)
    grid = read.groupby(place).mean()
    first = -(-int(grid.index[0]) // per_step) * per_step
    ends = np.arange(first + length, int(grid.index[-1]) + 2, per_step)
    if not len(ends):
        needed = pd.Timedelta(seconds=length * base)
        raise DataError(f"source.series: the readings are shorter than one window with its lags, {needed}.")
    places = np.arange(first, int(ends[-1]))
    values = grid[list(series.names)].reindex(places).to_numpy(np.float64)
    line = grid["line"].reindex(places).ffill().to_numpy()
    # [windows, length, sensors]
    cut = np.lib.stride_tricks.sliding_window_view(values, length, axis=0)[::per_step].transpose(0, 2, 1)
    known_share = (~np.isnan(cut[:, -size:])).mean(axis=1).min(axis=1)
    last_share = (~np.isnan(cut[:, -per_step:])).mean(axis=1).min(axis=1)
    whole = (known_share >= series.covered) & (last_share >= min(series.covered, 1 / per_step))
    moments = read.index[0].floor("D") + pd.to_timedelta(ends * base, unit="s")
    cut, moments, line = cut[whole], moments[whole], line[ends - first - 1][whole]
    if not len(cut):
        rarest, count = min(read[list(series.names)].count().items(), key=lambda sensor: sensor[1])
        raise DataError(
            f"source.series: no window has enough readings; the fewest are of {rarest} ({count:,}). "
            "Lower source.series.covered, lengthen step_minutes, or leave that sensor out."
        )
    label = _labels(moments, series)
    chosen = _chosen(moments, label, series)
    twins, faults = _faulty(cut[chosen], size, per_step, series)
    table = features(np.concatenate([cut, twins]), moments.append(moments[chosen]), size, per_step, series)
    table.insert(0, time, [moment.isoformat() for moment in moments.append(moments[chosen])])
    table[LABEL] = [*label, *[FAILURE] * len(chosen)]
    table[FAULT] = [*[NO_FAULT] * len(cut), *faults]
    told = [f"{(~whole).sum():,} of {len(whole):,} windows fall into gaps of the series."] if not whole.all() else []
    if len(chosen):
        told.append(
            f"{len(chosen):,} rows are windows with a **simulated** fault; of what they stand for nothing is known."
        )
    return table, np.concatenate([line, line[chosen]]).astype(np.int64), broken, " ".join(told)


def _per_step(read: pd.DataFrame, series: Series) -> int:
    """Return the places of a step on the even grid: no finer than the slowest sensor's readings, and mostly filled.

    So sensors that are read at different rates or moments share a grid, and one that is read in bursts has a place for
    each burst, not for each reading.
    """
    seconds, step = (read.index - read.index[0].floor("D")).total_seconds().to_numpy(), series.step_minutes * 60
    of = [np.unique(seconds[read[name].notna().to_numpy()]) for name in series.names]
    if max(map(len, of)) < 2:
        raise DataError(f"source.series: {len(read)} readings at one time make no series. Check source.time.")
    per_step = max(1, round(step / max(float(np.median(np.diff(times))) for times in of if len(times) > 1)))
    while per_step > 1 and min(_filled(times, step, per_step) for times in of if len(times)) < _FILLED:
        per_step //= 2
    return per_step


def _filled(times: Floats, step: float, per_step: int) -> float:
    """Return the share of an even grid's places with a reading, of all in steps that have one."""
    places = np.unique(times // (step / per_step))
    return len(places) / (per_step * len(np.unique(places // per_step)))


def features(cut: Floats, moments: pd.DatetimeIndex, size: int, per_step: int, series: Series) -> pd.DataFrame:
    """Return the features of windows, a column each, as `scenario.series` names them.

    Parameters
    ----------
    cut
        Readings on an even grid, NaN where there is none, float64 [windows, length, sensors].
    moments
        When each window ends.
    size, per_step
        Readings of a window and of a step; the length also holds the lags.
    """
    found: dict[str, Any] = {}
    for at, name in enumerate(series.names):
        of = cut[:, :, at]
        found |= {f"{name}_{feature}": value for feature, value in _of_sensor(of, size, per_step, series.lags).items()}
    hours = (moments - moments.normalize()).total_seconds().to_numpy() / 3600
    for what, turn in (("day", hours / 24), ("week", (moments.dayofweek.to_numpy() * 24 + hours) / 168)):
        found |= {f"{what}_sin": np.sin(2 * np.pi * turn), f"{what}_cos": np.cos(2 * np.pi * turn)}
    return pd.DataFrame(found)


def _of_sensor(of: Floats, size: int, per_step: int, lags: Sequence[int]) -> dict[str, Floats]:
    window, last = of[:, -size:], of[:, -per_step:]
    missing = np.isnan(window).mean(axis=1)
    mean, now = np.nanmean(window, axis=1), np.nanmean(last, axis=1)
    spread = np.nanstd(window, axis=1)
    jitter = np.log(_TINY + np.nan_to_num(_mean(np.abs(np.diff(of[:, -max(per_step, 6) :], axis=1)))))
    filled = np.where(np.isnan(window), mean[:, None], window) - mean[:, None]
    power = np.abs(np.fft.rfft(filled * np.hanning(size), axis=1)) ** 2 / size
    edges = np.unique(np.geomspace(1, max(4, power.shape[1]), 4).round().astype(int))
    bands = [np.log(_TINY + power[:, low:high].mean(axis=1)) for low, high in pairwise(edges)]
    bands += [bands[-1]] * (3 - len(bands))
    change = now - mean
    each = (now, mean, spread, np.nanmin(window, axis=1), np.nanmax(window, axis=1), change, change / (spread + _TINY))
    names = ("now", "mean", "spread", "low", "high", "change", "z", "jitter", "slow", "medium", "fast", "missing")
    found = dict(zip(names, (*each, jitter, *bands, missing), strict=True))
    for lag in lags:
        found[f"lag_{lag}"] = _mean(of[:, of.shape[1] - (lag + 1) * per_step : of.shape[1] - lag * per_step])
    return found


def _mean(values: Floats) -> Floats:
    """Return means of rows without their gaps; NaN for a row that is all gap."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0).sum(axis=1)
    return np.asarray(np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0))


def _readings(frame: pd.DataFrame, lines: NDArray[np.int64], source: Read) -> tuple[pd.DataFrame, list[Broken]]:
    """Return good readings by time, a column a sensor and ``line``, and those that are none."""
    assert source.series is not None
    series, time = source.series, str(source.time)
    moment, missing = parsing.times(frame[time], source.time_formats, source.missing.get(time))
    bad_time = moment.isna().to_numpy() | missing
    numbers, bad_value = {}, np.zeros(len(frame), dtype=bool)
    for column in series.sensors:
        numbers[column], wrong = parsing.numbers(frame[column], labels.notation(source, column))
        bad_value |= wrong
    read = pd.DataFrame(numbers).assign(line=lines)
    named = parsing.strings(frame[series.by]) if series.by else None
    strange = ~pd.Series(named).isin(series.values).to_numpy() if named is not None else np.zeros(len(frame), bool)
    broken = [
        Broken(
            int(lines[at]),
            "bad-time" if bad_time[at] else "bad-number",
            f"a reading without a time that can be read ({time})" if bad_time[at] else "a reading that is no number",
            " ".join(map(str, frame.iloc[at].tolist())),
        )
        for at in np.flatnonzero((bad_time | bad_value) & ~strange)
    ]
    good = ~(bad_time | bad_value | strange)
    if named is not None:
        found = set(named)
        if lacking := [value for value in series.values if value not in found]:
            raise DataError(
                f"source.series.values: {series.by} has no {lacking[0]!r}; it has {', '.join(sorted(found)[:8])}."
            )
        for value in series.values:
            read[value] = read[series.sensors[0]].where(np.array(named) == value)
    if not good.any():
        first = f"; line {broken[0].line}: {shorten(broken[0].text, 80)!r}" if broken else ""
        raise DataError(f"source.series: no reading has a time and a number{first}. Check how they are written.")
    read.index = pd.DatetimeIndex(moment)
    return read[good].sort_index(kind="stable"), broken


def _labels(moments: pd.DatetimeIndex, series: Series) -> list[str]:
    """Say of each window whether its last step lies in a known failure."""
    begins = moments - pd.Timedelta(minutes=series.step_minutes)
    found = np.zeros(len(moments), dtype=bool)
    for first, last in series.known:
        found |= (moments > _utc(first)) & (begins < _utc(last))
    return [FAILURE if known else NORMAL for known in found]


def _utc(moment: Any) -> pd.Timestamp:
    stamp = pd.Timestamp(moment)
    return stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")


def _chosen(moments: pd.DatetimeIndex, label: list[str], series: Series) -> NDArray[np.int64]:
    """Return every second normal window of the stretches that get simulated faults."""
    inside = np.zeros(len(moments), dtype=bool)
    for first, last in series.injected:
        inside |= (moments > _utc(first)) & (moments <= _utc(last))
    return np.flatnonzero(inside & (np.array(label) == NORMAL))[::2]


def _faulty(cut: Floats, size: int, per_step: int, series: Series) -> tuple[Floats, list[str]]:
    """Return windows with a simulated fault in their last part, in one sensor each, and which it is.

    How far a level or a spike goes is 1 to 6 standard deviations of all these windows' sensor.
    """
    rng, faulty, faults = np.random.default_rng(series.seed), np.array(cut), []
    scale = np.nanstd(cut[:, -size:].reshape(-1, cut.shape[2]), axis=0) + _TINY if len(cut) else np.zeros(0)
    for row in faulty:
        kind, sensor = KINDS[rng.integers(len(KINDS))], int(rng.integers(cut.shape[2]))
        faults.append(kind)
        span = int(rng.integers(per_step, max(per_step + 1, size // 2)))
        far = rng.choice([-1, 1]) * rng.uniform(1, 6) * scale[sensor]
        tail = row[-span:, sensor]
        if kind == "shift":
            tail += far
        elif kind == "drift":
            tail += far * np.linspace(0, 1, span)
        elif kind == "noise":
            tail += rng.normal(0, abs(far) / 2, span)
        elif kind == "spike":
            tail[-max(1, per_step // 2) :] += 2 * far
        else:
            tail[:] = tail[~np.isnan(tail)][0] if (~np.isnan(tail)).any() else 0.0
    return faulty, faults

"""Time series as rows: readings of sensors, at uneven steps and with gaps, become windows with features."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import labels, parsing
from loopbook.data.cleaning import shorten
from loopbook.data.even_grid import Floats, Grid
from loopbook.data.files import Broken
from loopbook.scenario.errors import DataError
from loopbook.scenario.series import FAULT, NO_FAULT, Series
from loopbook.scenario.source import Read
from loopbook.scenario.task import FAILURE, LABEL, NORMAL

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = ("shift", "drift", "noise", "spike", "frozen")
"""Simulated faults: a level that jumps or creeps away, noise, a spike, a value that stays."""
_TINY = 1e-6


class Windows(NamedTuple):
    """What readings become.

    Attributes
    ----------
    frame
        In the order of time, a row each step: ``source.time`` (the window's end, UTC, when all of it is known) and
        `Series.columns`; twins with simulated faults stand behind.
    lines
        The line of the last reading of each window.
    broken
        Readings without a time or with a value that is no number.
    caution
        What was left out because of gaps, and how many windows are simulated; empty: nothing.
    per_step
        Places of the even grid in a step: about as fine as the readings are.
    """

    frame: pd.DataFrame
    lines: NDArray[np.int64]
    broken: list[Broken]
    caution: str
    per_step: int


def windows(
    frame: pd.DataFrame, lines: NDArray[np.int64], source: Read, per_step: int | None = None, known: bool = True
) -> Windows:
    """Return the windows of a series.

    Parameters
    ----------
    frame, lines
        Readings as the source has them, in any order, and the line of each.
    source
        With its `series`.
    per_step
        Of the windows that a model has learned from; None: as fine as these readings are.
    known
        Whether the past is all there. If not, a window counts once a reading has come from behind its end, and none
        is simulated.

    Raises
    ------
    DataError
        If the readings are too few for one window.
    """
    assert source.series is not None and source.time is not None
    series, time = source.series, str(source.time)
    read, broken = _readings(frame, lines, source)
    grid = Grid.of(series, read) if per_step is None else Grid(series, per_step)
    places = grid.places(pd.DatetimeIndex(read.index))
    # The earliest end of a step before which a whole window lies; the last one may end with the last reading's place.
    first = grid.step_end(int(places[0]) + grid.length + grid.per_step - 1)
    ends = np.arange(first, int(places[-1]) + 1 + known, grid.per_step)
    if not len(ends):
        raise DataError(f"source.series: the readings are shorter than one window with its lags, {series.back}.")
    values = grid.means(places, read[list(series.names)].to_numpy(np.float64), first - grid.length, int(ends[-1]))
    # [windows, length, sensors]
    cut = np.lib.stride_tricks.sliding_window_view(values, grid.length, axis=0)[:: grid.per_step].transpose(0, 2, 1)
    whole = grid.whole(cut)
    moments, line = grid.moments(ends), read["line"].to_numpy()[places.searchsorted(ends) - 1]
    cut, moments, line = cut[whole], moments[whole], line[whole]
    if not len(cut):
        rarest, count = min(read[list(series.names)].count().items(), key=lambda sensor: sensor[1])
        raise DataError(
            f"source.series: no window has enough readings; the fewest are of {rarest} ({count:,}). "
            "Lower source.series.covered, lengthen step_minutes, or leave that sensor out."
        )
    label = _labels(moments, series)
    chosen = _chosen(moments, label, series) if known else np.array([], dtype=np.int64)
    twins, faults = _faulty(cut[chosen], grid.size, grid.per_step, series)
    every = pd.DatetimeIndex([*moments, *moments[chosen]])
    table = features(np.concatenate([cut, twins]), every, grid.size, grid.per_step, series)
    table.insert(0, time, [moment.isoformat() for moment in every])
    table[LABEL] = [*label, *[FAILURE] * len(chosen)]
    table[FAULT] = [*[NO_FAULT] * len(cut), *faults]
    told = [f"{(~whole).sum():,} of {len(whole):,} windows fall into gaps of the series."] if not whole.all() else []
    if len(chosen):
        told.append(
            f"{len(chosen):,} rows are windows with a **simulated** fault; of what they stand for nothing is known."
        )
    lines = np.concatenate([line, line[chosen]]).astype(np.int64)
    return Windows(table, lines, broken, " ".join(told), grid.per_step)


def latest(times: pd.DatetimeIndex, values: Floats, series: Series, per_step: int, until: pd.Timestamp) -> pd.DataFrame:
    """Return the one window that ends with the last step before a moment, as `windows` makes it of all readings.

    Parameters
    ----------
    times
        Of readings, ascending, UTC.
    values
        float64 [n, sensors], NaN where there is none, sensors as in `Series.names`.
    per_step
        As `windows` had it.
    until
        The window ends no later.

    Returns
    -------
    DataFrame
        One row: features, its index the window's end.

    Raises
    ------
    DataError
        If the readings begin after the window does, or are too few in it.
    """
    grid = Grid(series, per_step)
    end = grid.step_end(int(grid.places(pd.DatetimeIndex([until]))[0]))
    places, begin = grid.places(times), end - grid.length
    moments = grid.moments(np.array([begin, end]))
    if not len(places) or places[0] > begin:
        since = f"; they begin at {times[0].isoformat()}" if len(places) else ""
        raise DataError(
            f"A window that ends at {moments[1].isoformat()} looks back on {series.back} with its lags: send all "
            f"readings from {moments[0].isoformat()} or before{since}."
        )
    cut = grid.means(places, values, begin, end)[None]
    if not grid.whole(cut)[0]:
        counted = {name: np.isfinite(cut[0, -grid.size :, at]).mean() for at, name in enumerate(series.names)}
        least = min(counted, key=counted.__getitem__)
        raise DataError(
            f"The window that ends at {moments[1].isoformat()} falls into a gap: {least} has readings in "
            f"{counted[least]:.0%} of it ({series.covered:.0%} are needed), and each sensor needs some in its last "
            f"{series.step_minutes:g} minutes."
        )
    return features(cut, moments[1:], grid.size, per_step, series).set_index(moments[1:])


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

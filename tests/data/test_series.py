"""Readings become windows: uneven steps, gaps, frozen sensors, known and simulated faults."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.data.conftest import build_scenario

from loopbook.data import series, sources, validation
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import CsvSource

START = pd.Timestamp("2026-03-02", tz="UTC")  # a Monday


def readings(hours: int = 48, minutes: int = 10, seed: int = 0) -> pd.DataFrame:
    n = hours * 60 // minutes
    time = START + pd.to_timedelta(np.arange(n) * minutes, unit="min")
    values = 50 + 5 * np.sin(np.arange(n) / 20) + np.random.default_rng(seed).normal(0, 0.5, n)
    return pd.DataFrame({"when": time.astype(str), "heat": values})


def source(**settings: Any) -> CsvSource:
    given = {"sensors": ["heat"], "window_hours": 6, "lags": [1, 3], **settings}
    return CsvSource.model_validate({"kind": "csv", "path": "x.csv", "time": "when", "series": given})


def windows(frame: pd.DataFrame, **settings: Any) -> tuple[pd.DataFrame, Any, list[Any], str]:
    return series.windows(frame, np.arange(2, len(frame) + 2), source(**settings))[:4]


def test_a_window_holds_what_the_readings_before_its_end_say() -> None:
    frame = readings()
    table, lines, broken, told = windows(frame)
    assert broken == [] and told == ""
    last, heat = table.iloc[-1], frame["heat"].to_numpy()
    assert pd.Timestamp(last["when"]) == START + pd.Timedelta(hours=48) and lines[-1] == len(frame) + 1
    assert last["heat_now"] == pytest.approx(heat[-6:].mean())
    assert last["heat_lag_1"] == pytest.approx(heat[-12:-6].mean())
    assert last["heat_lag_3"] == pytest.approx(heat[-24:-18].mean())
    window = heat[-36:]
    assert last["heat_mean"] == pytest.approx(window.mean()) and last["heat_spread"] == pytest.approx(window.std())
    assert (last["heat_low"], last["heat_high"]) == pytest.approx((window.min(), window.max()))
    assert last["heat_z"] == pytest.approx((heat[-6:].mean() - window.mean()) / window.std(), rel=1e-5)
    assert (last["day_sin"], last["day_cos"]) == pytest.approx((0, 1), abs=1e-9)
    assert list(table.columns) == ["when", *source().series.columns]  # type: ignore[union-attr]


def test_no_window_knows_what_came_after_it() -> None:
    frame = readings()
    changed = frame.assign(heat=frame["heat"].where(np.arange(len(frame)) < 200, 1e6))
    before, after = windows(frame)[0], windows(changed)[0]
    told = pd.to_datetime(before["when"]) <= START + pd.Timedelta(minutes=200 * 10)
    assert 10 < told.sum() < len(before)
    pd.testing.assert_frame_equal(before[told], after[told])


@pytest.mark.parametrize("step", [60, 50, 7 * 24 * 60, 0.5])
def test_where_a_window_ends_depends_on_no_reading(step: float) -> None:
    """Else a model that was taught from Tuesday's begin would be served windows that end at other minutes."""
    minutes = {0.5: 0.1, 10_080: 600}.get(step, 10)
    n, hours = 400, max(0.1, 6 * step / 60)
    time = START + pd.to_timedelta(np.arange(n) * minutes + 0.01, unit="min")
    frame = pd.DataFrame({"when": time.astype(str), "heat": np.sin(np.arange(n) / 9)})
    given = {"step_minutes": step, "window_hours": hours, "lags": [1]}
    whole, later = (windows(part, **given)[0].set_index("when") for part in (frame, frame.iloc[37:]))
    assert 3 < len(later) < len(whole)
    pd.testing.assert_frame_equal(whole.tail(len(later)), later)


@pytest.mark.parametrize("lost", [0.0, 0.3])
@pytest.mark.parametrize("sensors", [["heat"], ["heat", "cold"]])
def test_the_latest_window_of_a_stretch_is_that_of_all_readings(lost: float, sensors: list[str]) -> None:
    frame = readings(72).assign(cold=lambda table: table["heat"].to_numpy()[::-1])
    moved = pd.to_datetime(frame["when"]) + pd.to_timedelta(np.random.default_rng(3).integers(0, 500, len(frame)), "s")
    frame = frame.assign(when=moved.astype(str))[np.random.default_rng(4).random(len(frame)) >= lost]
    frame.loc[frame.index[::7], "heat"] = np.nan
    given = source(sensors=sensors)
    made = series.windows(frame, np.arange(len(frame)), given)
    times, values = pd.DatetimeIndex(pd.to_datetime(frame["when"])), frame[sensors].to_numpy()
    assert given.series is not None
    for row in (0, 20, len(made.frame) - 1):
        end = pd.Timestamp(made.frame["when"].iloc[row])
        stretch = (times > end - pd.Timedelta(hours=8)) & (times < end)
        until = end + pd.Timedelta(minutes=59)
        one = series.latest(times[stretch], values[stretch], given.series, made.per_step, until)
        assert list(one.index) == [end]
        same = made.frame.iloc[[row]].set_index("when")[list(one.columns)]
        pd.testing.assert_frame_equal(one.reset_index(drop=True), same.reset_index(drop=True), check_exact=True)


def test_a_stretch_that_is_too_short_or_a_gap_says_what_to_send() -> None:
    frame, given = readings(), source().series
    times, values = pd.DatetimeIndex(pd.to_datetime(frame["when"])), frame[["heat"]].to_numpy()
    noon = START + pd.Timedelta(hours=12)
    assert given is not None
    with pytest.raises(DataError, match=r"ends at 2026-03-02T12:00.* 6:00:00 .*from 2026-03-02T06:00.*begin at"):
        series.latest(times[40:72], values[40:72], given, 6, noon)
    with pytest.raises(DataError, match=r"from 2026-03-02T06:00:00.00:00 or before\.$"):
        series.latest(times[:0], values[:0], given, 6, noon)
    some = np.arange(len(times)) % 4 == 0
    with pytest.raises(DataError, match=r"falls into a gap: heat has readings in 25% of it \(50% are needed\)"):
        series.latest(times[some], values[some], given, 6, noon)
    with pytest.raises(DataError, match="each sensor needs some in its last 60 minutes"):
        series.latest(times[:66], values[:66], given, 6, noon)


def test_uneven_steps_and_another_order_say_nearly_the_same() -> None:
    frame = readings(72)
    rng = np.random.default_rng(1)
    moved = pd.to_datetime(frame["when"]) + pd.to_timedelta(rng.integers(0, 500, len(frame)), unit="s")
    uneven = frame.assign(when=moved.astype(str)).sample(frac=0.9, random_state=2)
    even, other = windows(frame)[0].set_index("when"), windows(uneven)[0].set_index("when")
    both = even.index.intersection(other.index)
    assert len(both) > 0.9 * len(even)
    off = (even.loc[both, "heat_mean"] - other.loc[both, "heat_mean"]).abs()
    assert off.max() < 0.5 < even["heat_mean"].max() - even["heat_mean"].min()
    assert other["heat_missing"].mean() == pytest.approx(0.1, abs=0.05)


def test_windows_in_a_gap_are_left_out_and_told() -> None:
    frame = readings(96)
    table, _, _, told = windows(frame.drop(range(200, 320)))
    ends = pd.to_datetime(table["when"])
    hours = (ends - START).dt.total_seconds() / 3600
    assert not ((hours > 34.5) & (hours <= 53)).any(), "20 hours without readings"
    assert "fall into gaps" in told
    assert table.drop(columns=["heat_lag_1", "heat_lag_3"]).notna().all(axis=None)


def test_a_frozen_sensor_has_the_least_jitter() -> None:
    frame = readings()
    frozen = frame.assign(heat=frame["heat"].where(np.arange(len(frame)) < 240, 51.0))
    table = windows(frozen)[0]
    assert table["heat_jitter"].idxmin() >= 34 and table["heat_jitter"].min() < table["heat_jitter"].median() - 5


def test_the_spectrum_tells_slow_from_fast() -> None:
    frame = readings(48)
    n = np.arange(len(frame))
    slow, fast = (windows(frame.assign(heat=np.sin(2 * np.pi * n / period)))[0] for period in (30, 3))
    assert (slow["heat_slow"] > slow["heat_fast"]).all() and (fast["heat_fast"] > fast["heat_slow"]).all()


def test_what_is_no_reading_is_told_with_its_line() -> None:
    frame = readings().astype({"heat": object})
    frame.loc[5, "heat"], frame.loc[9, "when"] = "hot", "yesterday"
    broken = windows(frame)[2]
    assert [(row.line, row.reason) for row in broken] == [(7, "bad-number"), (11, "bad-time")]


def test_known_failures_label_the_windows_whose_last_step_meets_them() -> None:
    table = windows(readings(), known=[["2026-03-03 01:30:00", "2026-03-03 03:00:00"]])[0]
    failed = table.loc[table["known"] == "failure", "when"]
    assert list(failed) == ["2026-03-03T02:00:00+00:00", "2026-03-03T03:00:00+00:00"]


def test_simulated_faults_are_twins_of_normal_windows_and_change_nothing_else() -> None:
    frame = readings(96)
    plain = windows(frame)[0]
    table, _, _, told = windows(frame, injected=[["2026-03-04", "2026-03-06"]])
    twins = table[table["fault"] != "none"]
    pd.testing.assert_frame_equal(table.iloc[: len(plain)], plain)
    assert len(twins) == 24 and set(twins["known"]) == {"failure"} and set(twins["fault"]) <= set(series.KINDS)
    assert "24 rows" in told and "simulated" in told
    again = windows(frame, injected=[["2026-03-04", "2026-03-06"]])[0]
    pd.testing.assert_frame_equal(table, again)


def test_one_column_may_hold_several_sensors() -> None:
    frame = readings()
    wide = frame.assign(cold=frame["heat"].to_numpy()[::-1])
    long = wide.melt("when", var_name="which", value_name="value")
    given = {"sensors": ["value"], "by": "which", "values": ["heat", "cold"]}
    other = series.windows(long, np.arange(len(long)), source(**given))[0]
    both = windows(wide, sensors=["heat", "cold"])[0]
    pd.testing.assert_frame_equal(both, other)
    assert list(both.columns) == ["when", *source(sensors=["heat", "cold"]).series.columns]  # type: ignore[union-attr]
    with pytest.raises(DataError, match="which has no 'warm'; it has cold, heat"):
        series.windows(long, np.arange(len(long)), source(**given | {"values": ["warm"]}))


def test_other_tags_of_a_long_file_are_no_broken_readings() -> None:
    long = readings().rename(columns={"heat": "value"}).assign(which="heat").astype({"value": object})
    valve = long.assign(which="valve", value="OPEN")
    given = {"sensors": ["value"], "by": "which", "values": ["heat"]}
    table, _, broken, *_ = series.windows(pd.concat([long, valve]), np.arange(2 * len(long)), source(**given))
    assert broken == [] and len(table) == 43


@pytest.mark.parametrize(("slow", "offset"), [(3, 17), (6, 40), (1, 299)])
def test_sensors_read_at_other_rates_and_moments_share_windows(slow: int, offset: int) -> None:
    heat = readings(72).rename(columns={"heat": "value"}).assign(which="heat")
    late = (pd.to_datetime(heat["when"]) + pd.Timedelta(seconds=offset)).astype(str)
    cold = heat.assign(which="cold", when=late, value=heat["value"] - 40)[::slow]
    given = {"sensors": ["value"], "by": "which", "values": ["heat", "cold"]}
    both = pd.concat([heat, cold], ignore_index=True)
    table = series.windows(both, np.arange(len(both)), source(**given))[0]
    assert len(table) == 72 - 5
    assert (table["heat_mean"] - table["cold_mean"]).mean() == pytest.approx(40, abs=0.5)
    assert table["heat_missing"].max() == table["cold_missing"].max() == 0


def test_a_sensor_read_in_bursts_has_a_place_for_each_burst() -> None:
    hours = pd.date_range(START, periods=72, freq="h")
    when = hours.repeat(50) + pd.to_timedelta(np.tile(np.arange(50) * 100, 72), unit="ms")
    frame = pd.DataFrame({"when": when.astype(str), "heat": np.repeat(np.arange(72.0), 50)})
    table = windows(frame)[0]
    assert table["heat_now"].tolist() == list(range(5, 72)) and (table["heat_missing"] == 0).all()


def test_readings_are_written_as_their_source_says() -> None:
    frame = readings()
    german = frame.assign(heat=[f"{value:.3f} °C".replace(".", ",") for value in frame["heat"]])
    german.loc[len(german)] = [str(START), "-9999"]
    said = source().model_dump() | {"decimal": ",", "units": {"heat": "°C"}, "missing": {"heat": ["-9999"]}}
    table, _, broken, *_ = series.windows(german, np.arange(len(german)), CsvSource.model_validate(said))
    assert broken == []
    expected = windows(frame)[0]
    np.testing.assert_allclose(table["heat_mean"], expected["heat_mean"], atol=1e-3)
    with pytest.raises(DataError, match=r"no reading has a time and a number; line 2: .* °C"):
        windows(german.iloc[:-1])


def test_the_sensor_with_the_fewest_readings_is_named_where_no_window_is_full() -> None:
    frame = readings().assign(cold=np.nan)
    frame.loc[[10, 20], "cold"] = 3.0
    with pytest.raises(DataError, match=r"the fewest are of cold \(2\)"):
        windows(frame, sensors=["heat", "cold"])


@pytest.mark.parametrize(("hours", "said"), [(4, "shorter than one window"), (0, "make no series")])
def test_too_few_readings_are_refused(hours: int, said: str) -> None:
    frame = readings(hours) if hours else readings().head(1)
    with pytest.raises(DataError, match=said):
        windows(frame)


def test_a_scenario_of_a_series_is_collected_and_checked(tmp_path: Path) -> None:
    readings().to_csv(tmp_path / "x.csv", index=False)
    given = source().model_dump(mode="json", exclude_none=True)
    label = {"column": "known", "positive": ["failure"]}
    scenario = build_scenario(given, {"heat_now": "number"}, label)
    sources.check(scenario, tmp_path)
    collected = sources.collect(scenario.source, tmp_path, tmp_path)
    assert collected.origin["readings"] == 288 and collected.origin["rows"] == len(collected.frame) == 43
    with pytest.raises(DataError, match=r"a window of x.csv has no column 'heat_nwo'.*Did you mean 'heat_now'"):
        sources.check(build_scenario(given, {"heat_nwo": "number"}, label), tmp_path)
    sources.check(build_scenario(given | {"missing": {"heat": ["-9"]}}, {"heat_now": "number"}, label), tmp_path)
    with pytest.raises(DataError, match=r"x.csv has no column 'haet', of which windows are made"):
        sources.check(build_scenario(given | {"units": {"haet": "C"}}, {"heat_now": "number"}, label), tmp_path)
    given["series"]["sensors"] = ["haet"]
    with pytest.raises(DataError, match=r"x.csv has no column 'haet', of which windows are made.*'heat'"):
        sources.check(build_scenario(given, {"haet_now": "number"}, label), tmp_path)


def test_windows_that_look_back_on_the_same_readings_are_one_group(tmp_path: Path) -> None:
    readings(96).to_csv(tmp_path / "x.csv", index=False)
    given = source().model_dump(mode="json") | {"path": str(tmp_path / "x.csv")}
    label = {"column": "known", "positive": ["failure"]}
    scenario = build_scenario(source=given, fields={"heat_now": "number"}, label=label)
    collected = sources.collect(scenario.source, tmp_path, tmp_path)
    rows = validation.decidable(collected, scenario, date(2026, 11, 30))[0]
    assert rows.groupby("group").size().between(1, 6).all() and rows["group"].nunique() in (15, 16, 17)
    spans = rows.groupby("group")["time"].agg(["min", "max"])
    assert (spans["max"] - spans["min"] < pd.Timedelta(hours=6)).all() and spans["min"].is_monotonic_increasing

"""`loopbook new` from readings of sensors: what is time, sensor, step and known failure; a run judges what is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loopbook.data import sources, splitting, validation
from loopbook.scenario.contract import Scenario
from loopbook.scenario.loading import load
from loopbook.store.project import Project
from tests.starter.test_beginning import new

EVERY = 15  # minutes
MONTHS = pd.date_range("2020-01-01", periods=60, freq="MS").astype(str)


def readings(days: int = 40) -> pd.DataFrame:
    """Return simulated readings of two sensors, with two failures of which a column says when."""
    random, count = np.random.default_rng(1), days * 1440 // EVERY
    day = np.sin(np.arange(count) * 2 * np.pi * EVERY / 1440)
    state = np.full(count, "normal", dtype=object)
    for begin in (round(0.55 * count), round(0.75 * count)):
        state[begin : begin + 20] = "broken"
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2025-01-06", periods=count, freq=f"{EVERY}min", tz="UTC"),
            "heat": (50 + 5 * day + random.normal(0, 1, count)).round(2),
            "pressure": (3 + random.normal(0, 0.1, count)).round(3),
            "state": state,
        }
    )


def iso(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(timestamp=frame["timestamp"].dt.strftime("%Y-%m-%dT%H:%M"))


def counted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(timestamp=frame["timestamp"].astype("int64") // 10**6).sample(frac=1, random_state=1)


def german(frame: pd.DataFrame) -> pd.DataFrame:
    comma = {name: frame[name].map(lambda value: f"{value} bar".replace(".", ",")) for name in ("heat", "pressure")}
    return frame.assign(timestamp=frame["timestamp"].dt.strftime("%d.%m.%Y %H:%M"), **comma)


def gappy(frame: pd.DataFrame) -> pd.DataFrame:
    return iso(frame)[np.random.default_rng(2).random(len(frame)) < 0.4]


def begun(folder: Path, project: Project, frame: pd.DataFrame, *more: str) -> tuple[Scenario, str]:
    """Begin an agent from a file, and return its scenario and what was printed."""
    frame.to_csv(folder / "rows.csv", index=False, sep=";")
    done = new("plant", folder / "rows.csv", "--task", "anomaly", *more)
    assert done.exit_code == 0, done.output
    return load("plant", project.scenarios), done.output


def split(project: Project, scenario: Scenario) -> dict[str, pd.DataFrame]:
    rows, bad = validation.validate(
        sources.collect(scenario.source, project.root, project.raw), scenario, date(2026, 1, 1)
    )
    assert not len(bad)
    return splitting.split(rows, scenario)


@pytest.mark.parametrize("written", [iso, counted, german, gappy])
def test_times_sensors_and_failures_are_found_however_they_are_written(
    written: Callable[[pd.DataFrame], pd.DataFrame], tmp_path: Path, empty_project: Project
) -> None:
    scenario, said = begun(tmp_path, empty_project, written(readings()))
    series = scenario.source.series  # type: ignore[union-attr]
    assert series.sensors == ("heat", "pressure") and len(series.known) == 2 and "'broken'" in said
    assert series.step_minutes == (EVERY if written is not gappy else 30)
    splits = split(empty_project, scenario)
    assert splits["train"]["label"].eq(0).all() and splits["test"]["label"].eq(1).any()
    assert splits["train"]["heat_mean"].between(40, 60).all()
    assert set(splits["validation"]["fault"]) > {"none"} and set(splits["test"]["fault"]) == {"none"}


def test_where_no_failure_is_known_simulated_ones_judge_and_it_says_so(tmp_path: Path, empty_project: Project) -> None:
    scenario, said = begun(tmp_path, empty_project, iso(readings()).drop(columns="state"))
    assert scenario.source.series.known == () and "no failure is known" in said  # type: ignore[union-attr]
    assert "simulated" in scenario.description
    assert [one.metric for story in scenario.stories for one in story.criteria if "found" in one.metric] == []
    splits = split(empty_project, scenario)
    assert set(splits["test"]["fault"]) > {"none"} and set(splits["stream"]["fault"]) == {"none"}


def test_a_state_is_a_sensor(tmp_path: Path, empty_project: Project) -> None:
    frame = iso(readings()).assign(valve_state=lambda table: (np.arange(len(table)) % 50 == 0).astype(int))
    scenario, _ = begun(tmp_path, empty_project, frame.drop(columns="state"))
    series = scenario.source.series  # type: ignore[union-attr]
    assert series.sensors == ("heat", "pressure", "valve_state") and series.known == ()


def test_what_a_user_names_says_when_it_failed(tmp_path: Path, empty_project: Project) -> None:
    coded = iso(readings()).assign(mode=lambda table: table["state"].eq("broken").map({True: "7", False: "1"}))
    scenario, said = begun(tmp_path, empty_project, coded.drop(columns="state"), "--label", "mode")
    assert len(scenario.source.series.known) == 2 and "says '7'" in said  # type: ignore[union-attr]


def test_one_column_of_all_readings_is_parted_by_that_which_names_the_sensor(
    tmp_path: Path, empty_project: Project
) -> None:
    long = iso(readings()).melt(id_vars="timestamp", value_vars=["heat", "pressure"], var_name="tag")
    scenario, _ = begun(tmp_path, empty_project, long)
    series = scenario.source.series  # type: ignore[union-attr]
    assert (series.by, series.sensors, set(series.values)) == ("tag", ("value",), {"heat", "pressure"})
    assert "heat_z" in scenario.task.fields and len(split(empty_project, scenario)["train"]) > 1_000


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda frame: pd.concat([frame.assign(machine=one) for one in ("M1", "M2")]), "different 'machine'"),
        (lambda frame: frame.drop(columns="timestamp"), "holds the time of each reading"),
        (lambda frame: frame[["timestamp", "state"]], "no sensor to watch"),
        (lambda frame: frame.iloc[:200], "at least 6 are needed"),
        (lambda frame: frame.iloc[:60].assign(timestamp=MONTHS), "a week at the most"),
    ],
)
def test_what_is_no_series_is_refused_and_nothing_is_written(
    changed: Callable[[pd.DataFrame], pd.DataFrame], message: str, tmp_path: Path, empty_project: Project
) -> None:
    changed(iso(readings())).to_csv(tmp_path / "rows.csv", index=False)
    done = new("plant", tmp_path / "rows.csv", "--task", "anomaly")
    assert done.exit_code == 2 and message in done.output
    assert not list(empty_project.scenarios.iterdir())


@pytest.mark.parametrize("days", [7, 400, 3_840 * 7])
def test_steps_fit_how_long_and_how_often_was_read(days: int, tmp_path: Path, empty_project: Project) -> None:
    frame = readings(40).drop(columns="state")
    frame["timestamp"] = pd.date_range(
        "1950-01-01", periods=len(frame), freq=pd.Timedelta(days=days) / len(frame), tz="UTC"
    )
    scenario, _ = begun(
        tmp_path, empty_project, frame.assign(timestamp=frame["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%S"))
    )
    series = scenario.source.series  # type: ignore[union-attr]
    windows = sum(map(len, split(empty_project, scenario).values()))
    expected = {7: (5, 2), 400: (180, 72), 3_840 * 7: (10_080, 12 * 168)}
    assert (series.step_minutes, series.window_hours) == expected[days] and 500 < windows < 9_000

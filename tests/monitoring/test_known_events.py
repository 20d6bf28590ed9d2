"""Streams about which something is known from outside (known_events.yaml), remade here day by day."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from loopbook.monitoring.timeline import prepare
from loopbook.monitoring.watch import Watch, watch
from loopbook.scenario.contract import Scenario
from loopbook.scenario.loading import load
from loopbook.scenario.source import SimulationSource
from loopbook.simulation.events import Effect, schedule

KNOWN: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "known_events.yaml").read_text(encoding="utf-8"))
AIRLINES = ["United", "US Airways", "Southwest", "Delta", "Virgin America"]


def airline() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return posts with the real daily figures: rows, share of negative ones, rows about American."""
    rng, parts = np.random.default_rng(1), []
    for day, (rows, share, american) in KNOWN["airline"]["days"].items():
        negative = np.arange(rows) < round(rows * share)
        named = np.array(["American"] * american + rng.choice(AIRLINES, rows - american).tolist())
        score = np.clip(np.where(negative, 0.72, 0.35) + rng.normal(0, 0.2, rows), 0.01, 0.99)
        at = pd.Timestamp(day, tz="UTC") + pd.to_timedelta(rng.uniform(0, 24, rows), unit="h")
        words = rng.choice(["flight", "bag", "late", "help", "thanks", "gate", "crew", "seat", "phone"], (rows, 4))
        parts.append(
            pd.DataFrame(
                {
                    "time": at, "label": negative.astype(int), "probability": rng.permutation(score) * 0 + score,
                    "airline": rng.permutation(named), "text": [" ".join(row) for row in words],
                }
            )
        )  # fmt: skip
    frame = pd.concat(parts, ignore_index=True)
    frame["action"] = np.where(frame["probability"] >= 0.5, "alert", "ignore")
    early = frame["time"] < pd.Timestamp(KNOWN["airline"]["reference"][1], tz="UTC") + pd.Timedelta(days=1)
    return frame[early], frame[~early]


def scenario_of(scenario: Scenario, fields: dict[str, str], segments: list[str], delay: int = 0) -> Scenario:
    values = scenario.model_dump()
    values["task"] |= {"fields": fields, "unit": "post"}
    values["task"]["label"]["names"] = ["other", "negative"]
    values["source"]["protected"] = []
    values["monitoring"] |= {"segments": segments, "label_delay_days": delay}
    return Scenario.model_validate(values)


@pytest.fixture(scope="module")
def posts(scenario: Scenario) -> Watch:
    reference, stream = airline()
    return watch(prepare(stream, reference, scenario_of(scenario, {"text": "text"}, ["airline"])))


def test_the_wave_of_complaints_is_found_on_its_second_day_and_told_in_the_labels_words(posts: Watch) -> None:
    wave = posts.alerts[posts.alerts["cause"].isin(["base_rate", "flagged"])]
    assert wave["date"].min() <= str(KNOWN["airline"]["events"][0]["by"])
    assert wave["since"].min() == str(KNOWN["airline"]["events"][0]["from"])
    assert wave["title"].iloc[0].startswith("Share of “negative” up from 5")


def test_an_airline_that_was_hardly_there_is_a_new_segment_and_no_surge_of_complaints(posts: Watch) -> None:
    named = posts.alerts[posts.alerts["place"].str.contains("American")]
    assert named["cause"].tolist() == ["segment"]
    assert named["date"].iloc[0] <= str(KNOWN["airline"]["events"][1]["by"])
    assert "Airline “American” is new" in named["title"].iloc[0]


def machine(scenario: Scenario, per_day: int, change: Callable[[pd.DataFrame], pd.DataFrame], seed: int = 1) -> Watch:
    """Return the watch over a machine with twenty sensors: 60 days of reference, then 100 days of stream."""
    rng = np.random.default_rng(seed)
    rows = 160 * per_day
    frame = pd.DataFrame({f"x{number}": rng.normal(size=rows).round(3) for number in range(20)})
    day = np.repeat(np.arange(160), per_day)
    frame["time"] = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(day * 24 + 12, unit="h")
    frame["label"] = (rng.random(rows) < 0.3).astype(int)
    frame["probability"] = np.clip(0.3 + 0.3 * (frame["label"] - 0.3) + rng.normal(0, 0.1, rows), 0.01, 0.99)
    frame["action"] = np.where(frame["probability"] >= 0.4, "alert", "ignore")
    reference, stream = frame[day < 60], change(frame[day >= 60].assign(day=day[day >= 60] - 60))
    own = scenario_of(scenario, {f"x{number}": "number" for number in range(20)}, [])
    return watch(prepare(stream.drop(columns="day"), reference, own))


@pytest.mark.parametrize("per_day", [3, 5, 16])
@pytest.mark.parametrize("stuck", [0.0, 1.7])
def test_a_field_that_stands_still_is_one_alert_on_thin_streams_too(
    scenario: Scenario, per_day: int, stuck: float
) -> None:
    def frozen(stream: pd.DataFrame) -> pd.DataFrame:
        return stream.assign(x2=stream["x2"].mask(stream["day"] >= 50, stuck))

    alerts = machine(scenario, per_day, frozen).alerts
    (alert,) = alerts[alerts["cause"] == "field"].to_dict("records")
    assert alert["place"] == "x2"
    assert alert["title"].startswith("x2 stands still at")
    assert 49 <= alert["first_day"] <= 53


@pytest.mark.parametrize(("per_day", "first", "length"), [(5, 20, 40), (5, 30, 14), (16, 20, 40), (16, 40, 7)])
def test_a_stretch_without_rows_is_one_alert_from_its_first_day_to_its_last(
    scenario: Scenario, per_day: int, first: int, length: int
) -> None:
    alerts = machine(scenario, per_day, lambda stream: stream[~stream["day"].between(first, first + length - 1)]).alerts
    (alert,) = alerts[alerts["cause"] == "volume"].to_dict("records")
    assert (alert["first_day"], alert["last_day"]) == (first, first + length - 1)
    assert alert["title"].startswith("No posts a day where")
    assert alert["until"]


def test_no_alert_is_dated_before_its_beginning_and_no_estimate_leaves_its_range(posts: Watch) -> None:
    assert (posts.alerts["first_day"] <= posts.alerts["day"]).all()
    shares = posts.signals[posts.signals["check"].isin(["classes", "outcomes", "flagged", "vocabulary"])]
    assert shares[["value", "expected", "low", "high"]].stack().between(0, 1).all()


def test_what_is_written_down_of_the_simulated_agent_is_its_simulators_truth() -> None:
    source = load("market-monitor", Path(__file__).parents[2] / "notebooks" / "scenarios", "standard").source
    assert isinstance(source, SimulationSource)
    last = source.days + source.later_days - 1
    told = [*schedule(source.days, source.seed, source.later_days), Effect("style_gap", 0, last)]
    in_stream = (KNOWN["simulated"][1]["from"] - source.start).days
    there = {
        (effect.kind, effect.company or effect.topic, effect.first_day, effect.last_day)
        for effect in told
        if effect.last_day >= in_stream and effect.first_day < source.days
    }
    assert there == {
        (known["effect"], place, *((known[end] - source.start).days for end in ("from", "to")))
        for known in KNOWN["simulated"]
        for place in known.get("place", "").split(", ")
    }

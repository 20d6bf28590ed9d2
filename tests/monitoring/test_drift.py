from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbook.monitoring import drift
from loopbook.monitoring.timeline import Log, prepare
from loopbook.scenario.contract import Scenario


def test_class_index_by_hand() -> None:
    # (0.6 - 0.5) ln(0.6 / 0.5) + (0.4 - 0.5) ln(0.4 / 0.5)
    assert drift.class_index(0.6, 0.5) == pytest.approx(0.0405, abs=1e-4)


@given(st.floats(0, 1), st.floats(0, 1))
def test_class_index_is_symmetric_and_not_negative(one: float, other: float) -> None:
    assert drift.class_index(one, other) == pytest.approx(drift.class_index(other, one))
    assert drift.class_index(one, other) >= 0


def test_the_scores_tell_of_a_new_base_rate_before_any_outcome(
    rows: Callable[..., pd.DataFrame], scenario: Scenario
) -> None:
    before, after = rows(1, 10, start="2026-01-19"), rows(2, 10, start="2026-01-29", base=0.5)
    stream = pd.concat([before, after], ignore_index=True).assign(label=np.nan)
    alarms = drift.classes(prepare(stream, rows(3, 14), scenario)).query("alarm")
    assert alarms["onset"].tolist() == [10]
    assert alarms["day"].iloc[0] <= 12
    assert alarms["value"].iloc[0] == pytest.approx(0.5, abs=0.1)


def test_scores_that_tell_nothing_apart_give_no_base_rate(quiet: Callable[..., Log], scenario: Scenario) -> None:
    log = quiet(1)
    frames = [side.frame.assign(probability=np.linspace(0.2, 0.21, len(side))) for side in (log.stream, log.reference)]
    assert drift.classes(prepare(*frames, scenario)).empty


def table_scenario(scenario: Scenario) -> Scenario:
    values = scenario.model_dump()
    values["task"]["fields"] = {"size": "number", "age": "number", "kind": "category"}
    values["monitoring"]["segments"] = []
    return Scenario.model_validate(values)


def with_fields(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return frame.assign(
        size=rng.normal(size=len(frame)),
        age=np.where(rng.random(len(frame)) < 0.1, np.nan, rng.exponential(size=len(frame))),
        kind=rng.choice(["a", "b", "c", ""], len(frame)),
    )


def test_the_field_that_moved_is_named_and_no_other(rows: Callable[..., pd.DataFrame], scenario: Scenario) -> None:
    stream, reference = with_fields(rows(1, 20, start="2026-01-19"), 1), with_fields(rows(2, 14), 2)
    late = (stream["time"] >= pd.Timestamp("2026-01-31", tz="UTC")).to_numpy()
    for field, changed in (("size", stream["size"] + 0.8), ("kind", "a"), ("age", np.nan)):
        moved = stream.assign(**{field: stream[field].mask(late, changed)})
        alarms = drift.fields(prepare(moved, reference, table_scenario(scenario))).query("alarm")
        assert set(alarms["place"]) == {field}
        assert alarms["onset"].iloc[0] in (11, 12, 13)


@pytest.mark.parametrize("kind", ["ranking", "binary"])
def test_what_a_ranking_counts_from_the_beginning_is_no_field_that_moves(
    kind: str, rows: Callable[..., pd.DataFrame], scenario: Scenario
) -> None:
    values = scenario.model_dump()
    values["monitoring"]["segments"] = []
    fields = dict.fromkeys(("query_taken", "item_recent", "days_since"), "number")
    own = {"query": "reader", "item": "book"} if kind == "ranking" else {}
    values["task"] = {"type": kind, "fields": fields, "label": {"column": "label", "positive": ["1"]}, **own}
    rng = np.random.default_rng(4)

    def counted(frame: pd.DataFrame) -> pd.DataFrame:
        since = (frame["time"] - pd.Timestamp("2026-01-01", tz="UTC")) / pd.Timedelta(days=1)
        noise = {name: rng.normal(size=len(frame)) for name in fields}
        return frame.assign(**noise | {"query_taken": since + noise["query_taken"]})

    sides = counted(rows(1, 20, start="2026-01-19")), counted(rows(2, 14))
    alarms = drift.fields(prepare(*sides, Scenario.model_validate(values))).query("alarm")
    assert set(alarms["place"]) == ({"query_taken"} if kind == "binary" else set())


def test_fields_that_stay_give_no_alarm(rows: Callable[..., pd.DataFrame], scenario: Scenario) -> None:
    for seed in range(3):
        stream = with_fields(rows(seed, 20, start="2026-01-19"), seed)
        log = prepare(stream, with_fields(rows(seed + 50, 14), seed + 50), table_scenario(scenario))
        assert not drift.fields(log)["alarm"].any()
        assert not drift.score(log)["alarm"].any()


def kinds(per_day: int, days: int, shares: list[float], seed: int, start: str) -> pd.DataFrame:
    """Return rows whose field `kind` is k0, k1 … with these shares, on days that are alike by 0.01."""
    rng = np.random.default_rng(seed)
    true = rng.gamma(np.array(shares) * 99, size=(days, len(shares)))
    kind = np.concatenate([rng.choice(len(shares), per_day, p=day / day.sum()) for day in true])
    at = pd.Timestamp(start, tz="UTC") + pd.to_timedelta(np.repeat(np.arange(days), per_day) * 24 + 12, unit="h")
    label = (rng.random(len(kind)) < 0.3).astype(int)
    probability = np.where(label, 0.6, 0.2)
    frame = pd.DataFrame({"time": at, "label": label, "probability": probability, "style": "plain"})
    return frame.assign(action=np.where(label, "alert", "ignore"), kind=[f"k{number}" for number in kind])


def scenario_of(scenario: Scenario) -> Scenario:
    values = table_scenario(scenario).model_dump()
    values["task"]["fields"] = {"kind": "category"}
    return Scenario.model_validate(values)


def field_signals(scenario: Scenario, shares: list[float], after: list[float], seed: int) -> pd.DataFrame:
    before, late = kinds(200, 20, shares, seed, "2026-02-04"), kinds(200, 20, after, seed + 100, "2026-02-24")
    log = prepare(pd.concat([before, late]), kinds(200, 30, shares, seed + 200, "2026-01-05"), scenario_of(scenario))
    return drift.fields(log)


def test_of_many_values_those_that_moved_are_named_in_one_signal(scenario: Scenario) -> None:
    shares = [0.3, 0.3, *[0.02] * 20]
    signal = field_signals(scenario, shares, [0.6, 0.0, *[0.02] * 20], 1).iloc[0]
    told = signal["title"].split("; ")
    assert {part[: part.index(" from")] for part in told} == {
        "share of “k0” in kind up", "share of “k1” in kind down",
    }  # fmt: skip
    assert signal["place"] == "kind"
    assert 19 <= signal["onset"] <= 21


def test_a_value_that_rises_at_the_cost_of_all_others_is_named_alone(scenario: Scenario) -> None:
    found = field_signals(scenario, [0.3, 0.3, 0.1, 0.3], [0.21, 0.21, 0.07, 0.51], 2)
    assert found["title"].iloc[0].startswith("share of “k3” in kind up from 3")
    assert len(found) <= 2


def test_of_two_values_one_is_watched_at_the_whole_level(scenario: Scenario) -> None:
    log = prepare(
        kinds(200, 20, [0.5, 0.5], 1, "2026-02-04"), kinds(200, 30, [0.5, 0.5], 2, "2026-01-05"), scenario_of(scenario)
    )
    codes = [(side.frame["kind"] == "k1").to_numpy().astype("int64") for side in (log.stream, log.reference)]
    both = drift.shares(log, ["share of k0", "share of k1"], (codes[0], codes[1]))
    assert both.names == ("share of k1",)
    means = log.stream.daily(codes[0].astype("float64"))
    assert (both.now.value == means.value).all()
    assert both.now.unit == pytest.approx(means.unit, rel=1e-12)


def test_the_interval_of_a_corrected_share_holds_what_the_scores_errors_do_not_tell(
    rows: Callable[..., pd.DataFrame], scenario: Scenario
) -> None:
    stream = pd.concat([rows(1, 10, start="2026-01-19"), rows(2, 10, start="2026-01-29", base=0.5)], ignore_index=True)
    reference = rows(3, 14)
    day = (reference["time"].dt.normalize() - reference["time"].dt.normalize().min()).dt.days
    widths = []
    for days in (14, 1):  # of the reference whose labels are known
        labelled = reference.assign(label=reference["label"].where(day < days))
        found = drift.classes(prepare(stream, labelled, scenario))
        widths.append((found["high"] - found["low"]).iloc[0])
    assert widths[1] > 1.1 * widths[0]

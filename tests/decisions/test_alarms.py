"""Alarms count where they begin; known failures, false alarms and money by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from loopbook.decisions import alarms, building, costs, policies, thresholds
from loopbook.decisions.policies import Review
from loopbook.scenario.decisions import Costs, DecisionsSettings
from loopbook.scenario.task import Anomaly
from loopbook.statistics import tails

TIME = pd.date_range("2026-01-01", periods=200, freq="h", tz="UTC")
QUIET = pd.Timedelta(hours=24)
TASK = Anomaly(type="anomaly", fields={"x": "number"}, false_alarms=1, monthly=730)
PRICES = Costs(true_positive=10, false_positive=10, false_negative=100, review=2, review_error=0)


def at(*places: int) -> np.ndarray:
    return np.isin(np.arange(len(TIME)), places)


def test_an_alarm_begins_after_a_quiet_time_and_not_before() -> None:
    acting = at(0, 1, 20, 44, 69, 150)
    assert list(alarms.begins(TIME, acting, QUIET)) == [TIME[0], TIME[69], TIME[150]]
    assert len(alarms.begins(TIME, at(), QUIET)) == 0


def test_an_alarm_that_began_before_a_failure_has_not_found_it() -> None:
    label = at(*range(50, 60), *range(120, 130)).astype(int)
    found = alarms.judge(TIME, at(45, 52, 124, 126, 190), label, QUIET, 730)
    assert found.found == 1 and found.false == 2 and found.delay_hours == 4
    assert found.months == pytest.approx(180 / 730)
    value, low, high = found.rate
    assert value == pytest.approx(2 / (180 / 730)) and low < value < high


def test_failures_with_a_normal_row_between_them_are_two() -> None:
    label = at(*range(50, 60), *range(61, 70)).astype(int)
    assert len(alarms.judge(TIME, at(), label, QUIET, 730).failures) == 2


def test_where_no_failure_is_known_alarms_are_only_counted() -> None:
    found = alarms.judge(TIME, at(45, 52, 124), np.zeros(200), QUIET, 730)
    assert (found.found, len(found.failures), len(found.begins)) == (0, 0, 2)
    assert np.isnan(found.delay_hours) and found.months == pytest.approx(200 / 730)
    acting = {alarms.AGENT: at(45, 52, 124), "never": at()}
    rows = pd.DataFrame({"time": TIME, "label": 0, "x": 0.0})
    prices = costs.of(PRICES, TASK)
    watched = alarms.Watch(rows, rows.iloc[:0], acting, acting, np.zeros(200), prices, TASK, QUIET)
    assert list(watched.table("EUR")) == ["alarms", "a month", "low", "high", "EUR in all"]
    assert "No failure is known" in watched.about() and "false" not in watched.figure("x").alt
    assert len(watched.failures()) == 0 and list(watched.begun()["failure"]) == [0, 0]
    figures = watched.figures("EUR")
    assert np.isnan([figures["alarms_found_share"], figures["alarms_saving"]]).all() and figures["alarms"] == 2


def test_always_is_one_alarm_that_finds_nothing() -> None:
    label = at(*range(50, 60)).astype(int)
    found = alarms.judge(TIME, np.ones(200, bool), label, QUIET, 730)
    assert (found.found, found.false) == (0, 1)


@pytest.mark.parametrize(
    ("acting", "stopping", "expected"),
    [
        ((), (), 10 * 100),  # the failure passes unseen
        ((50,), (50,), 10),  # stopped at once
        ((53,), (53,), 3 * 100 + 10),  # three rows late
        ((53,), (), 3 * 100 + 10 + 2),  # inspected, then stopped
        ((3, 4, 53), (4, 53), 2 + 10 + 3 * 100 + 10),  # an inspection and a stop for nothing
    ],
)
def test_money_is_what_it_is_by_hand(acting: tuple[int, ...], stopping: tuple[int, ...], expected: float) -> None:
    label = at(*range(50, 60)).astype(int)
    prices = costs.of(PRICES, TASK)
    assert alarms.spent(at(*acting), at(*stopping), label, prices) == pytest.approx(expected)


def test_the_threshold_is_the_budgets_and_no_label_moves_it() -> None:
    plan = building.Plan.of(TASK, DecisionsSettings(costs=PRICES))
    value, origin = plan.threshold
    assert value == pytest.approx(float(tails.posterior(1 / 730, TASK.prior)))
    assert origin == "a budget of 1 false alarm a month"
    assert thresholds.in_force(DecisionsSettings(threshold=0.3), None, plan.prices, TASK)[0] == 0.3
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"row_id": list("abcdefgh"), "group": list("abcdefgh"), "x": range(8), "label": [0, 1] * 4})
    said = rng.random(8)
    for label in (frame["label"], 1 - frame["label"]):
        review = building.build(plan, frame.assign(label=label), said)["review"]
        assert isinstance(review, Review) and review.low == review.threshold == value
    assert plan.eligible == ("threshold", "review") and plan.singles == ("threshold",)


def test_money_says_whether_an_alarm_stops_or_is_an_inspection() -> None:
    frame = pd.DataFrame({"row_id": ["a", "b", "c"], "group": ["a", "b", "c"], "x": [1, 2, 3], "label": [0, 1, 0]})
    said = np.array([0.1, 0.9, 0.995])
    dear = PRICES.model_copy(update={"false_positive": 5_000.0, "review": 1.0})
    for prices, expected in ((dear, [False, True, True]), (PRICES, [False, False, False])):
        plan = building.Plan.of(TASK, DecisionsSettings(costs=prices))
        policy = building.build(plan, frame, said)["review"]
        assert policies.load(policy.model_dump(mode="json")) == policy
        proposed = policy.propose(frame, said)
        assert proposed["review"].tolist() == expected
        assert proposed["action"].tolist() == [0, 1, 1], "what is done if nobody has time"

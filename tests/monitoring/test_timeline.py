from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from tests.monitoring import several

from loopbook.monitoring import monitoring_page, timeline
from loopbook.monitoring.timeline import Log
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError

Rows = Callable[..., pd.DataFrame]


def test_days_are_counted_from_the_first_and_named_by_date(quiet: Callable[..., Log]) -> None:
    log = quiet(1)
    assert (log.stream.days, log.reference.days) == (20, 14)
    assert np.bincount(log.stream.day).tolist() == [100] * 20
    assert (log.date(0), log.date(3)) == ("2026-01-19", "2026-01-22")
    assert log.last == 24


def test_a_log_without_times_is_cut_into_equal_days(rows: Rows, scenario: Scenario) -> None:
    stream, reference = (rows(seed, 7).drop(columns="time") for seed in (1, 2))
    log = timeline.prepare(stream, reference, scenario)
    assert log.stream.days == scenario.monitoring.replay_days == 14
    assert set(np.bincount(log.stream.day)) == {50}
    assert log.date(2) == "day 2"
    assert "volume" not in log.checks
    said = monitoring_page.spread(log)
    assert "equal stretches of them stand for days" in said
    assert "week" not in said.partition("go unseen.")[2], "stretches have no weekdays"


def test_the_levels_of_all_checks_add_up_to_the_promise(quiet: Callable[..., Log]) -> None:
    log = quiet(1)
    assert 100 * log.level * len(log.checks) == pytest.approx(log.scenario.monitoring.false_alarms)


def test_costs_follow_from_action_and_outcome(rows: Rows, scenario: Scenario) -> None:
    stream = rows(1, 1, 4).assign(action=["alert", "alert", "ignore", "ignore"], label=[1, 0, 1, np.nan])
    stream["time"] = pd.to_datetime(["2026-01-01"] * 4, utc=True)
    log = timeline.prepare(stream, rows(2, 3), scenario)
    costs = scenario.decisions.costs
    expected = [costs.true_positive, costs.false_positive, costs.false_negative, np.nan]
    np.testing.assert_array_equal(log.stream.cost, expected)


def test_a_reference_without_actions_is_decided_by_the_threshold_or_else_by_the_costs(
    rows: Rows, scenario: Scenario
) -> None:
    reference = rows(2, 3).drop(columns="action")
    log = timeline.prepare(rows(1, 3), reference, scenario, threshold=0.5)
    np.testing.assert_array_equal(log.reference.acted, log.reference.chance >= 0.5)
    by_costs = timeline.prepare(rows(1, 3), reference, scenario)
    np.testing.assert_array_equal(by_costs.reference.acted, by_costs.reference.chance >= by_costs.prices.threshold)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda frame: frame.drop(columns="company").rename(columns={"topics": "topic"}), "company"),
        (lambda frame: frame.rename(columns={"style": "styles"}), "Did you mean 'styles'"),
        (lambda frame: frame.iloc[:0], "no row"),
        (lambda frame: frame.assign(time=frame["time"].where(frame.index > 3)), "4 of 300 rows"),
    ],
)
def test_what_cannot_be_monitored_is_refused_by_name(
    rows: Rows, scenario: Scenario, spoil: Callable[[pd.DataFrame], pd.DataFrame], says: str
) -> None:
    with pytest.raises(DataError, match=says):
        timeline.prepare(spoil(rows(1, 3)), rows(2, 3), scenario)


def test_scores_are_found_by_row_and_class_whatever_their_order() -> None:
    log = several.log(1, 4)
    rng = np.random.default_rng(1)
    scores = [several.said(side) for side in (log.stream, log.reference)]
    mixed = [one.sample(frac=1, random_state=1)[["c2", "row_id", "c0", "c3", "c1"]] for one in scores]
    frame = log.stream.frame.iloc[rng.permutation(len(log.stream))]
    again = timeline.prepare(frame, log.reference.frame, log.scenario, scores=(mixed[0], mixed[1]))
    assert again.classes == log.classes
    np.testing.assert_array_equal(again.stream.probability, log.stream.probability)
    np.testing.assert_array_equal(again.stream.code, log.stream.code)
    assert (again.stream.probability[:, 4] == 0).all(), "a class that the model does not know has no probability"


def test_a_row_that_the_model_was_not_asked_about_has_no_answer_and_calls_for_nothing() -> None:
    log = several.log(1, 4)
    asked = log.stream.frame["row_id"].iloc[5:]
    scores = [several.said(side) for side in (log.stream, log.reference)]
    some = scores[0][scores[0]["row_id"].isin(asked)]
    side = timeline.prepare(log.stream.frame, log.reference.frame, log.scenario, scores=(some, scores[1])).stream
    assert (side.said[:5] == -1).all()
    assert (side.flagged[:5] == -1).all()
    assert (side.frame["answer"].iloc[:5] == "").all()
    assert np.isnan(side.chance[:5]).all()
    assert (side.said[5:] >= 0).all()


@pytest.mark.parametrize("classes", [3, 40])
def test_of_several_classes_the_event_is_that_the_answer_is_right(classes: int) -> None:
    side = several.log(1, classes).stream
    np.testing.assert_array_equal(side.said, side.probability.argmax(axis=1))
    np.testing.assert_array_equal(side.event, side.said == side.code)
    np.testing.assert_array_equal(side.chance, side.probability.max(axis=1))


def test_the_reference_takes_the_action_that_is_cheapest_expected() -> None:
    matrix = {"wait": {"c0": 0, "others": 4}, "call": {"c0": 3, "c1": 0, "others": 1}}
    values = several.scenario(3).model_dump()
    values["task"] |= {"actions": ["wait", "call"]}
    values["decisions"]["costs"] = {"matrix": matrix, "review": 0.5}
    log = several.log(1, 3)
    frame = log.stream.frame.assign(action="wait")
    scores = [several.said(side) for side in (log.stream, log.reference)]
    found = timeline.prepare(frame, log.reference.frame, Scenario.model_validate(values), scores=(scores[0], scores[1]))
    p = found.reference.probability
    call = 3 * p[:, 0] + p[:, 2] < 4 * (p[:, 1] + p[:, 2])
    np.testing.assert_array_equal(found.reference.action, call)
    np.testing.assert_array_equal(found.stream.cost, np.where(found.stream.code == 0, 0, 4))
    assert found.prices.actions == ("wait", "call")


def test_a_number_is_in_the_band_between_its_limits_and_keeps_its_value() -> None:
    side = several.numbers(1).stream
    np.testing.assert_array_equal(side.code, np.digitize(side.frame["label"], [10, 20], right=True))
    np.testing.assert_array_equal(side.number[:, 0], side.frame["label"])
    np.testing.assert_array_equal(side.number[:, 1], side.frame["value"])

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from loopbook.decisions.costs import threshold
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
    np.testing.assert_array_equal(
        by_costs.reference.acted, by_costs.reference.chance >= threshold(scenario.decisions.costs)
    )


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

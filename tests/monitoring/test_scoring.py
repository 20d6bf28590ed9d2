import re
from collections.abc import Callable
from datetime import date

import pandas as pd
import pytest

from loopbook.monitoring import scoring
from loopbook.monitoring.timeline import Log, prepare
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError

START = date(2026, 1, 9)  # the stream begins ten days later


def truth(*effects: tuple[str, int, int, str, str]) -> pd.DataFrame:
    table = pd.DataFrame(effects, columns=["kind", "first_day", "last_day", "company", "topic"])
    return table.assign(parameters="{}")


def alert(number: int, cause: str, first: int, named: int, place: str = "", last: int = 19) -> dict[str, object]:
    return {
        "alert": number,
        "cause": cause,
        "place": place,
        "first_day": first,
        "last_day": last,
        "day": named,
        "named": named,
    }


@pytest.fixture(scope="module")
def log(quiet: Callable[..., Log]) -> Log:
    return quiet(1)


def test_found_late_missed_and_false_are_told_apart(log: Log) -> None:
    injected = truth(
        ("surge", 12, 14, "Acme", "jobs"),
        ("vocabulary", 15, 40, "", ""),
        ("base_rate", 20, 40, "", ""),
        ("meaning", 25, 40, "", "jobs"),
        ("meaning", 25, 40, "", "payout"),
        ("label_noise", 0, 40, "", ""),
    )
    table = pd.DataFrame(
        [
            alert(1, "surge", 2, 2, "company “Acme”", 4),
            alert(2, "vocabulary", 5, 13),
            alert(3, "meaning", 16, 21, "topics “jobs”"),
            alert(4, "score", 19, 19),
            alert(5, "calibration", 5, 12),
        ]
    )
    scored, judged = scoring.score(log, table, injected, START)
    assert dict(zip(scored["effect"], scored["status"], strict=True)) == {
        "surge": "found",
        "vocabulary": "late",
        "base_rate": "missed",
        "meaning": "found",
    }
    assert scored.set_index("effect")["delay"].fillna(-1).to_dict() == {
        "surge": 0,
        "vocabulary": 8,
        "base_rate": -1,
        "meaning": 6,
    }
    assert scored.set_index("effect")["named"]["meaning"] == 0.5
    assert judged["verdict"].tolist() == ["right", "right", "right", "false alarm", "follows"]


def test_figures_count_a_missed_change_as_the_whole_watch(log: Log) -> None:
    scored, judged = scoring.score(
        log,
        pd.DataFrame([alert(1, "vocabulary", 5, 6)]),
        truth(("vocabulary", 15, 40, "", ""), ("base_rate", 20, 40, "", "")),
        START,
    )
    found = scoring.figures(log, scored, judged)
    assert (found["effects_found"], found["effects_missed"], found["false_alarms"]) == (1, 1, 0)
    assert found["drift_delay_days"] == log.last + 1
    assert found["false_alarms_promised"] == pytest.approx(0.2)


def test_effects_outside_the_stream_do_not_count_and_running_ones_begin_with_it(log: Log) -> None:
    injected = truth(
        ("surge", 0, 3, "Acme", "jobs"), ("surge", 8, 11, "Beta", "jobs"), ("surge", 60, 62, "Acme", "jobs")
    )
    found = scoring.effects(log, injected, START)
    assert [(one.places, one.first, one.last) for one in found] == [(("company “Beta”", "topics “jobs”"), 0, 1)]


def test_a_second_alert_about_one_effect_is_said_to_be_one(log: Log) -> None:
    table = pd.DataFrame([alert(1, "vocabulary", 5, 6), alert(2, "vocabulary", 8, 9)])
    _, judged = scoring.score(log, table, truth(("vocabulary", 15, 40, "", "")), START)
    assert judged["verdict"].tolist() == ["right", "again"]


def test_a_style_gap_that_the_agent_does_not_show_is_nothing_to_find(log: Log) -> None:
    scored, _ = scoring.score(log, pd.DataFrame(columns=["alert", "cause"]), truth(("style_gap", 0, 40, "", "")), START)
    assert scored["status"].tolist() == ["absent"]
    assert re.search(r"recall differs by -?[\d.]+ points \[", scored["remark"].iloc[0])


def test_a_log_without_dates_cannot_be_scored(rows: Callable[..., pd.DataFrame], scenario: Scenario) -> None:
    log = prepare(rows(1, 3).drop(columns="time"), rows(2, 3), scenario)
    with pytest.raises(DataError, match="no times"):
        scoring.effects(log, truth(("vocabulary", 15, 40, "", "")), START)

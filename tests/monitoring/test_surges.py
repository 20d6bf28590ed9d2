from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.monitoring import several
from tests.monitoring.several import Drawn

from loopbook.monitoring import surges
from loopbook.monitoring.segment_values import memberships
from loopbook.monitoring.timeline import Log, prepare
from loopbook.scenario.contract import Scenario


def planted(stream: pd.DataFrame, day: np.ndarray, days: range = range(8, 11), extra: int = 30) -> pd.DataFrame:
    more = [stream[day == at].sample(extra, random_state=at).assign(company="c3", topics="t2") for at in days]
    return pd.concat([stream, *more], ignore_index=True)


def test_a_surge_is_found_on_its_first_day_with_company_and_topic(quiet: Callable[..., Log]) -> None:
    found = surges.watch(quiet(1, planted)).signals
    assert found["day"].tolist() == [8, 9, 10]
    assert set(found["onset"]) == {8}
    assert set(found["place"]) == {"company “c3” & topics “t2”"}
    assert all(title.startswith("company “c3”: ") for title in found["title"])


def test_the_rows_of_a_surge_are_those_of_the_company_on_its_days(quiet: Callable[..., Log]) -> None:
    log = quiet(1, planted)
    found = surges.watch(log)
    inside = (log.stream.frame["company"] == "c3").to_numpy() & (log.stream.day >= 8) & (log.stream.day <= 10)
    np.testing.assert_array_equal(found.rows, inside)


def test_more_bad_news_among_as_many_posts_is_a_surge(quiet: Callable[..., Log]) -> None:
    def worse(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
        stream.loc[(stream["topics"] == "t5") & (day == 12), "action"] = "alert"
        return stream

    found = surges.watch(quiet(3, worse, per_day=300)).signals
    assert (found["place"].tolist(), found["day"].tolist()) == (["topics “t5”"], [12])


def test_a_surge_in_the_reference_does_not_hide_one_in_the_stream(
    scenario: Scenario, quiet: Callable[..., Log]
) -> None:
    log = quiet(1, planted)
    before = planted(log.reference.frame, log.reference.day, range(4, 7))
    again = surges.watch(prepare(log.stream.frame, before, scenario))
    assert again.signals["day"].tolist() == [8, 9, 10]
    assert again.reference_rows.sum() >= 90


def test_a_company_that_nobody_knew_is_found(quiet: Callable[..., Log]) -> None:
    def newcomer(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
        stream.loc[np.flatnonzero(day == 5)[:15], "company"] = "newcomer"
        return stream

    assert set(surges.watch(quiet(2, newcomer)).signals["place"]) == {"company “newcomer”"}


def test_without_a_surge_alarms_keep_to_the_level(quiet: Callable[..., Log]) -> None:
    logs = [quiet(seed) for seed in range(6)]
    alarms = sum(surges.watch(log).signals["day"].nunique() for log in logs)
    assert stats.binomtest(alarms, 6 * 20, logs[0].level, alternative="greater").pvalue > 0.01


def test_several_segments_in_one_cell_count_each() -> None:
    frame = pd.DataFrame({"topics": ["a|b", "b", "", "a|a"]})
    assert memberships(frame, ("topics",)) == [
        (row, f"topics “{value}”") for row, value in [(0, "a"), (0, "b"), (1, "b"), (3, "a")]
    ]


def uneven(frame: pd.DataFrame, share: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Posts of a company, of which some days bring fewer."""
    return frame[rng.random(len(frame)) >= share].reset_index(drop=True)


def test_companies_whose_days_differ_in_volume_have_no_surge(swinging: Callable[..., Log]) -> None:
    found = sum(len(surges.watch(swinging(seed, "company", uneven)).signals) for seed in range(6))
    assert not found  # in 150 days, at one in 1,200


def flooded(drawn: Drawn, day: np.ndarray, rng: np.random.Generator) -> None:
    rows = (day == 12) & (rng.random(len(day)) < 0.35)
    drawn.code[rows] = 4
    drawn.say(rows)


@pytest.mark.parametrize(("classes", "per_day"), [(5, 100), (77, 200)])
def test_a_class_that_floods_is_told_and_its_rows_stay(classes: int, per_day: int) -> None:
    found = surges.watch(several.log(1, classes, flooded, per_day=per_day))
    assert set(found.signals["place"]) == {"answer “c4”"}
    assert found.signals["day"].iloc[0] == 12
    assert not found.rows.any()


def test_a_company_that_brings_a_class_is_the_surge() -> None:
    def brought(drawn: Drawn, day: np.ndarray, rng: np.random.Generator) -> None:
        rows = (day == 12) & (rng.random(len(day)) < 0.35)
        drawn.code[rows] = 4
        drawn.say(rows)
        drawn.frame.loc[rows, "company"] = "f3"

    found = surges.watch(several.log(1, 5, brought))
    assert set(found.signals["place"]) == {"company “f3” & answer “c4”"}
    assert found.rows.sum() >= 30


def test_a_class_whose_name_holds_a_bar_is_one() -> None:
    frame = pd.DataFrame({"answer": ["a|b", "", "<b>"], "topics": ["x|y", "", "z"]})
    assert [name for _, name in memberships(frame, ("answer",))] == ["answer “a|b”", "answer “<b>”"]
    assert len(memberships(frame, ("topics",))) == 3


def test_a_segment_with_far_more_of_one_action_is_a_surge() -> None:
    def called(drawn: Drawn, day: np.ndarray, rng: np.random.Generator) -> None:
        rows = ((day == 12) & (drawn.frame["company"] == "f3")).to_numpy()
        drawn.code[rows] = 2
        drawn.say(rows)

    found = surges.watch(several.log(1, 3, called, per_day=400)).signals
    assert found["title"].tolist()[0].startswith("company “f3”: ")
    assert "tickets with action “c2”" in found["title"].iloc[0]

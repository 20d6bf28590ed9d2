from __future__ import annotations

from math import isnan

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbook.requirements import stories
from loopbook.scenario.stories import Story


def story(name: str, need: str | None = None) -> Story:
    return Story(id=name, as_a="user", i_want=f"to {name}", so_that="it helps", need=need)


def survey(*answers: tuple[str, int]) -> pd.DataFrame:
    rows = [(f"a{place}", f"P{place}", need, rating, "") for place, (need, rating) in enumerate(answers, 1)]
    return pd.DataFrame(rows, columns=["answer", "person", "need", "rating", "comment"])


def test_each_story_names_the_answers_it_rests_on() -> None:
    answers = survey(("run", 2), ("fly", 5), ("run", 4), ("swim", 1))
    found = stories.ranked([story("walk", need="run"), story("fly")], answers).set_index("story")
    assert found.loc["walk", "rests_on"] == "a1, a3"
    assert found.loc["walk", "answers"] == 2
    assert found.loc["walk", "rating"] == 3
    assert found.loc["fly", "rests_on"] == "a2"


def test_a_dozen_good_answers_outrank_one_enthusiastic_answer() -> None:
    answers = survey(("one", 5), *[("many", 5)] * 6, *[("many", 4)] * 6)
    assert stories.ranked([story("one"), story("many")], answers)["story"].tolist() == ["many", "one"]


def test_a_story_that_nobody_spoke_about_comes_last_and_is_kept() -> None:
    found = stories.ranked([story("silent"), story("hated")], survey(("hated", 1)))
    assert found["story"].tolist() == ["hated", "silent"]
    assert found["rank"].tolist() == [1, 2]
    assert found.loc[1, "answers"] == 0
    assert isnan(found.loc[1, "rating"])
    assert found.loc[1, "rests_on"] == ""


def test_stories_that_rate_alike_keep_the_order_of_the_scenario() -> None:
    found = stories.ranked([story("b"), story("a")], survey(("a", 4), ("b", 4)))
    assert found["story"].tolist() == ["b", "a"]


def test_without_a_survey_the_order_of_the_scenario_stays_and_the_columns_are_the_same() -> None:
    named = [story("b"), story("a")]
    without, with_survey = stories.ranked(named, None), stories.ranked(named, survey(("a", 4)))
    assert without["story"].tolist() == ["b", "a"]
    assert without["answers"].tolist() == [0, 0]
    assert list(without) == list(with_survey)


def test_needs_without_a_story_are_shown_and_a_near_spelling_is_hinted_at() -> None:
    answers = survey(("catch-trouble", 3), ("catch-truoble", 5), ("bicycle", 2), ("bicycle", 3))
    found = stories.unanswered([story("catch-trouble")], answers).set_index("need")
    assert list(found.index) == ["catch-truoble", "bicycle"]
    assert found.loc["catch-truoble", "hint"] == "Did you mean 'catch-trouble'?"
    assert found.loc["bicycle", "hint"] == ""
    assert found.loc["bicycle", "rests_on"] == "a3, a4"


def test_no_need_is_left_over_when_all_are_covered() -> None:
    found = stories.unanswered([story("a")], survey(("a", 3)))
    assert found.empty
    assert list(found) == ["need", "answers", "rating", "low", "high", "rests_on", "hint"]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=60))
def test_the_interval_holds_the_mean_and_stays_on_the_scale(ratings: list[int]) -> None:
    mean, low, high = stories.interval([float(rating) for rating in ratings])
    assert mean == pytest.approx(sum(ratings) / len(ratings))
    assert 1 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= 5
    assert high > low


def test_more_answers_narrow_the_interval() -> None:
    few, many = stories.interval([3.0, 5.0]), stories.interval([3.0, 5.0] * 20)
    assert many[2] - many[1] < few[2] - few[1]


def test_nothing_is_said_about_no_answers() -> None:
    assert all(isnan(value) for value in stories.interval([]))

from __future__ import annotations

from math import isnan
from typing import Any

import pytest

from loopbook.requirements import traceability
from loopbook.scenario.stories import Criterion, Story

FOUR, FIVE = "04_optimization", "05_decisions"


def criterion(name: str, metric: str, comparison: Any = ">=", threshold: float = 0.8, stage: str = FOUR) -> Criterion:
    return Criterion(id=name, text=name, stage=stage, metric=metric, comparison=comparison, threshold=threshold)


def story(*criteria: Criterion, name: str = "s") -> Story:
    return Story(id=name, as_a="user", i_want="a", so_that="b", criteria=criteria)


STORIES = [
    story(
        criterion("right", "test_accuracy"),
        criterion("quick", "latency_ms", "<=", 20),
        criterion("clean", "leaks", "==", 0, "02_data"),
        criterion("sure", "precision", ">=", 0.5, FIVE),
    )
]


def verdicts(evidence: dict[tuple[str, str], float | None]) -> dict[str, str]:
    return traceability.matrix(STORIES, evidence).set_index("criterion")["verdict"].to_dict()


def test_every_criterion_is_met_missed_or_not_yet_tested() -> None:
    evidence = {(FOUR, "test_accuracy"): 0.8, (FOUR, "latency_ms"): 21.0, ("02_data", "leaks"): 0}
    assert verdicts(evidence) == {"right": "met", "quick": "missed", "clean": "met", "sure": "not yet tested"}


def test_nothing_is_tested_before_anything_ran() -> None:
    found = traceability.matrix(STORIES, {})
    assert set(found["verdict"]) == {"not yet tested"}
    assert found.loc[0, "note"] == "04_optimization has not recorded anything yet."
    assert found["value"].isna().all()


def test_the_same_metric_of_another_stage_is_no_evidence() -> None:
    assert verdicts({(FIVE, "test_accuracy"): 0.9})["right"] == "not yet tested"


def test_the_margin_is_positive_on_the_good_side() -> None:
    evidence = {(FOUR, "test_accuracy"): 0.9, (FOUR, "latency_ms"): 25.0, ("02_data", "leaks"): 0.0}
    margin = traceability.matrix(STORIES, evidence)["margin"].tolist()
    assert margin[:2] == pytest.approx([0.1, -5.0])
    assert isnan(margin[2])


def test_a_misspelt_metric_is_noticed_once_its_stage_has_run() -> None:
    found = traceability.matrix([story(criterion("a", "test_acuracy"))], {(FOUR, "test_accuracy"): 0.9})
    assert found.loc[0, "note"] == "04_optimization does not record 'test_acuracy'. Did you mean 'test_accuracy'?"


@pytest.mark.parametrize("value", [0.9, 0.1])
def test_a_value_from_rows_that_are_not_fresh_is_shown_and_tests_nothing(value: float) -> None:
    recorded = {(FIVE, "precision"): value, (FOUR, "test_accuracy"): 0.9}
    found = traceability.matrix(STORIES, {**recorded, (FIVE, "fresh_rows"): False}).set_index("criterion")
    assert found.loc["sure", ["verdict", "value"]].tolist() == ["not tested: no fresh rows", value]
    assert isnan(found.loc["sure", "margin"])
    assert found.loc["right", "verdict"] == "met", "only the stage that says so is not tested"
    assert traceability.counts(found)["criteria_untested"] == 3
    fresh = traceability.matrix(STORIES, {**recorded, (FIVE, "fresh_rows"): True}).set_index("criterion")
    assert fresh.loc["sure", "verdict"] == ("met" if value == 0.9 else "missed")
    nothing = traceability.matrix(STORIES, {(FIVE, "fresh_rows"): False}).set_index("criterion")
    assert nothing.loc["sure", "verdict"] == "not yet tested"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_no_evidence(value: float | None) -> None:
    found = traceability.matrix(STORIES, {(FOUR, "test_accuracy"): value})
    assert found.loc[0, "verdict"] == "not yet tested"
    assert found.loc[0, "note"] == "04_optimization recorded test_accuracy without a number."


def test_a_story_without_criteria_is_shown_as_such() -> None:
    found = traceability.matrix([story(name="wish"), *STORIES], {})
    assert found.loc[0, ["story", "criterion", "verdict"]].tolist() == ["wish", "", "no criterion"]


def test_no_stories_make_an_empty_matrix_with_all_columns() -> None:
    found = traceability.matrix([], {})
    assert found.empty
    assert {"story", "criterion", "verdict", "value"} <= set(found)


def test_a_prototype_is_scored_on_every_criterion_that_it_can_be_scored_on() -> None:
    found = traceability.on_prototype(STORIES, {"test_accuracy": 0.7, "precision": 0.6})
    assert found["verdict"].tolist() == [
        "missed",
        "not testable on a prototype",
        "not testable on a prototype",
        "met",
    ]
    assert found["note"].tolist() == ["", "", "", ""]


def test_the_counts_add_up() -> None:
    found = traceability.matrix(
        [story(name="wish"), *STORIES], {(FOUR, "test_accuracy"): 0.9, (FOUR, "latency_ms"): 25}
    )
    assert traceability.counts(found) == {
        "criteria_met": 1,
        "criteria_missed": 1,
        "criteria_untested": 2,
        "stories_without_criterion": 1,
    }

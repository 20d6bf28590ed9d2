"""Simulated users do what the settings promise, the same every time, and say that they are simulated."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from loopbook.feedback import corrections, users
from loopbook.scenario.contract import Scenario
from loopbook.scenario.feedback import FeedbackSettings


def test_shares_are_those_of_the_settings(decisions: pd.DataFrame, truth: dict[str, int], scenario: Scenario) -> None:
    settings = FeedbackSettings(answer_rate=0.5, error_rate=0.1, users=20, malicious_rate=0.15)
    answers = users.simulate(decisions, truth, scenario.task, settings)
    assert answers["row_id"].nunique() / len(decisions) == pytest.approx(0.5, abs=0.04)
    harmful = users.malicious(settings)
    assert len(harmful) == 3
    right = answers["label"].astype(int) == answers["row_id"].map(truth)
    lying = answers["user"].isin(harmful)
    assert not right[lying].any()
    assert 1 - right[~lying].mean() == pytest.approx(0.1, abs=0.03)
    assert lying.any()


def test_every_answer_says_that_it_is_simulated(
    decisions: pd.DataFrame, truth: dict[str, int], scenario: Scenario
) -> None:
    answers = users.simulate(decisions, truth, scenario.task, FeedbackSettings())
    assert set(answers["source"]) == {"simulated"}
    assert answers["user"].str.startswith("simulated-").all()
    assert tuple(answers.columns) == corrections.COLUMNS
    assert answers["rating"].dropna().isin([1, 2, 3, 4, 5]).all()
    asked = answers.merge(decisions, on="row_id", suffixes=("", "_decision"))
    assert (asked["time"] >= asked["time_decision"]).all()
    assert not answers.duplicated(["row_id", "user"]).any()


def test_a_decision_gets_the_same_answers_whatever_else_is_in_the_log(
    decisions: pd.DataFrame, truth: dict[str, int], scenario: Scenario
) -> None:
    whole = users.simulate(decisions, truth, scenario.task, FeedbackSettings())
    some = decisions[::3].sample(frac=1, random_state=1)
    part = users.simulate(some, truth, scenario.task, FeedbackSettings())
    expected = whole[whole["row_id"].isin(some["row_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, expected)
    other = users.simulate(decisions, truth, scenario.task, FeedbackSettings(feedback_seed=2))
    assert set(other["row_id"]) != set(whole["row_id"])


def test_nobody_answers_where_the_truth_is_unknown_or_nobody_is_asked(
    decisions: pd.DataFrame, truth: dict[str, int], scenario: Scenario
) -> None:
    known = {row: label for row, label in truth.items() if row < "r00500"}
    assert users.simulate(decisions, known, scenario.task, FeedbackSettings())["row_id"].max() < "r00500"
    assert not len(users.simulate(decisions, truth, scenario.task, FeedbackSettings(answer_rate=0)))


def test_a_log_without_times_gives_answers_without_times(
    decide: Callable[..., pd.DataFrame], scenario: Scenario
) -> None:
    log = decide(200).assign(time=pd.Series(pd.NaT, index=range(200), dtype="datetime64[us, UTC]"))
    answers = users.simulate(log, dict.fromkeys(log["row_id"], 1), scenario.task, FeedbackSettings(answer_rate=1))
    assert len(answers) >= 200
    assert answers["time"].isna().all()


def test_complaints_name_the_known_cause(decisions: pd.DataFrame, truth: dict[str, int], scenario: Scenario) -> None:
    settings = FeedbackSettings(answer_rate=1, error_rate=0, malicious_rate=0)
    answers = users.simulate(decisions.assign(hard_case="sarcasm"), truth, scenario.task, settings)
    acted = (decisions.set_index("row_id")["action"] == "act").reindex(answers["row_id"]).to_numpy()
    complaint = ((answers["label"] == 1).to_numpy() != acted) & (answers["comment"] != "").to_numpy()
    assert answers.loc[complaint, "comment"].str.contains("irony|Sarcasm").all()
    assert not answers.loc[~complaint, "comment"].str.contains("irony|Sarcasm").any()

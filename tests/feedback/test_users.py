"""Simulated users do what the settings promise, the same every time, and say that they are simulated."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from tests.feedback.conftest import TOPICS, estimated_log, known, sorted_log

from loopbook.feedback import corrections, users
from loopbook.scenario.contract import Scenario
from loopbook.scenario.feedback import FeedbackSettings


def test_shares_are_those_of_the_settings(decisions: pd.DataFrame, truth: dict[str, int], scenario: Scenario) -> None:
    settings = FeedbackSettings(answer_rate=0.5, error_rate=0.1, users=20, malicious_rate=0.15)
    answers = users.simulate(decisions, truth, scenario, settings)
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
    answers = users.simulate(decisions, truth, scenario, FeedbackSettings())
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
    whole = users.simulate(decisions, truth, scenario, FeedbackSettings())
    some = decisions[::3].sample(frac=1, random_state=1)
    part = users.simulate(some, truth, scenario, FeedbackSettings())
    expected = whole[whole["row_id"].isin(some["row_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, expected)
    other = users.simulate(decisions, truth, scenario, FeedbackSettings(feedback_seed=2))
    assert set(other["row_id"]) != set(whole["row_id"])


def test_nobody_answers_where_the_truth_is_unknown_or_nobody_is_asked(
    decisions: pd.DataFrame, truth: dict[str, int], scenario: Scenario
) -> None:
    known = {row: label for row, label in truth.items() if row < "r00500"}
    assert users.simulate(decisions, known, scenario, FeedbackSettings())["row_id"].max() < "r00500"
    assert not len(users.simulate(decisions, truth, scenario, FeedbackSettings(answer_rate=0)))


def test_a_log_without_times_gives_answers_without_times(
    decide: Callable[..., pd.DataFrame], scenario: Scenario
) -> None:
    log = decide(200).assign(time=pd.Series(pd.NaT, index=range(200), dtype="datetime64[us, UTC]"))
    answers = users.simulate(log, dict.fromkeys(log["row_id"], 1), scenario, FeedbackSettings(answer_rate=1))
    assert len(answers) >= 200
    assert answers["time"].isna().all()


def test_complaints_name_the_known_cause(decisions: pd.DataFrame, truth: dict[str, int], scenario: Scenario) -> None:
    settings = FeedbackSettings(answer_rate=1, error_rate=0, malicious_rate=0)
    answers = users.simulate(decisions.assign(hard_case="sarcasm"), truth, scenario, settings)
    acted = (decisions.set_index("row_id")["action"] == "act").reindex(answers["row_id"]).to_numpy()
    complaint = ((answers["label"] == 1).to_numpy() != acted) & (answers["comment"] != "").to_numpy()
    assert answers.loc[complaint, "comment"].str.contains("irony|Sarcasm").all()
    assert not answers.loc[~complaint, "comment"].str.contains("irony|Sarcasm").any()


def test_of_several_classes_mistakes_are_confusions_and_malicious_users_flip_to_one_class_or_round(
    sorting: Scenario,
) -> None:
    log = sorted_log(3_000)
    settings = FeedbackSettings(answer_rate=1, error_rate=0.1, users=40, malicious_rate=0.2)
    answers = users.simulate(log, known(log), sorting, settings).merge(
        log[["row_id", "label", "answer"]], on="row_id", suffixes=("", "_true")
    )
    said, true = answers["label"].astype(str), answers["label_true"].astype(str)
    lying = answers["user"].isin(users.malicious(settings))
    assert not (said == true)[lying].any()
    honest = answers[~lying & (said != true)]
    assert len(honest) / (~lying).sum() == pytest.approx(0.1, abs=0.02)
    misled = honest["answer"] != honest["label_true"].astype(str)
    assert (honest["label"].astype(str) == honest["answer"])[misled].all()  # the agent's own mistake
    alike = honest[~misled].groupby("label_true", observed=True)["label"].nunique()
    assert alike.between(1, 2).all()
    ways = answers[lying].assign(said=said[lying]).groupby(["user", "label_true"], observed=True)["said"].nunique()
    assert ways.max() == 1  # always the same for a class
    targets = answers[lying].assign(said=said[lying]).groupby("user")["said"].nunique()
    assert set(targets) == {2, len(TOPICS)}  # one class, and for rows of that class another; or each the next


def test_of_numbers_honest_users_are_near_and_malicious_ones_far(estimating: Scenario) -> None:
    log = estimated_log(2_000)
    settings = FeedbackSettings(answer_rate=1, error_rate=0.1, users=20, malicious_rate=0.2)
    answers = users.simulate(log, known(log), estimating, settings)
    off = (answers["label"] - answers["row_id"].map(known(log))).abs()
    lying = answers["user"].isin(users.malicious(settings))
    assert (off[~lying] > 10).mean() == pytest.approx(0.1, abs=0.02)
    assert off[~lying].median() < 1 < 5 < off[lying].median()


@pytest.mark.parametrize("kind", ["sorting", "estimating"])
def test_what_users_feel_follows_from_the_action_that_would_have_been_right(
    kind: str, request: pytest.FixtureRequest
) -> None:
    scenario = request.getfixturevalue(kind)
    log = (sorted_log if kind == "sorting" else estimated_log)(400)
    settings = FeedbackSettings(answer_rate=1, error_rate=0, malicious_rate=0)
    answers = users.simulate(log, known(log), scenario, settings)
    joined = answers.merge(log[["row_id", "action"]], on="row_id")
    wanted = np.where(joined["label"] > 30, "hurry", "queue") if kind == "estimating" else joined["label"].astype(str)
    wrong = (joined["action"] != wanted).to_numpy()
    assert 0.1 < wrong.mean() < 0.5
    assert (joined.loc[wrong, "rating"].dropna() <= 2).all() and (joined.loc[~wrong, "rating"].dropna() >= 4).all()

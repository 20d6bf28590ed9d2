from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from loopbook.decisions import policies
from loopbook.decisions.building import Plan, build
from loopbook.decisions.policies import Constant, Policy, Review, Ruled, Threshold
from loopbook.scenario.decisions import DecisionsSettings, Rule
from loopbook.scenario.errors import DataError, LoopbookError, ScenarioError
from loopbook.scenario.task import Task

ACTIONS = ("ignore", "alert")
RULES = {
    "small ones": Rule(when="mean_size < -1", action="ignore"),
    "loss": Rule(when='"loss" in words and probability > 0.1', action="alert", position="after"),
    "unsized": Rule(when="mean_size_missing", action="review"),
}


@pytest.fixture(scope="module")
def built(task: Task, frame: pd.DataFrame, settings: DecisionsSettings) -> dict[str, Policy]:
    plan = Plan.of(task, settings, {name: rule.model_dump() for name, rule in RULES.items()})
    return dict(build(plan, frame, frame["p"]))


def test_all_policies_are_built(built: dict[str, Policy]) -> None:
    assert list(built) == ["never", "always", "fixed", "threshold", "tuned", "tree", "rules", "review"]


@pytest.mark.parametrize("name", ["never", "always", "fixed", "threshold", "tuned", "tree", "rules", "review"])
def test_a_policy_comes_back_from_plain_values_and_decides_row_by_row(
    name: str, built: dict[str, Policy], frame: pd.DataFrame
) -> None:
    policy = built[name]
    back = policies.load(policy.model_dump(mode="json"))
    assert back.digest == policy.digest
    whole = policy.propose(frame, frame["p"])
    pd.testing.assert_frame_equal(back.propose(frame, frame["p"]), whole)
    assert list(whole.columns) == policies.COLUMNS
    assert whole["reasons"].str.len().gt(0).all()
    for at in range(0, 600, 113):
        one = policy.propose(frame.iloc[[at]], frame["p"].iloc[[at]])
        pd.testing.assert_frame_equal(one, whole.iloc[[at]])


def test_thresholds_act_from_the_threshold_on(frame: pd.DataFrame) -> None:
    policy = Threshold(actions=ACTIONS, threshold=0.25, origin="by hand")
    proposed = policy.propose(frame.head(3), [0.24, 0.25, 0.26])
    assert proposed["action"].tolist() == [0, 1, 1]
    assert proposed["reasons"].iloc[0] == "The probability 0.24 is below the threshold 0.25 (by hand): ignore."


def test_review_asks_inside_the_band_and_says_what_to_do_otherwise(frame: pd.DataFrame) -> None:
    policy = Review(actions=ACTIONS, threshold=0.3, low=0.1, high=0.6, origin="by hand")
    proposed = policy.propose(frame.head(5), [0.1, 0.2, 0.4, 0.6, 0.7])
    assert proposed["review"].tolist() == [False, True, True, False, False]
    assert proposed["action"].tolist() == [0, 0, 1, 1, 1]
    assert "between 0.10 and 0.60" in proposed["reasons"].iloc[1]


def test_the_first_rule_that_holds_decides_and_rules_before_the_model_come_first(task: Task) -> None:
    rules = {
        "after": Rule(when="probability > 0", action="alert", position="after"),
        "ignore small": Rule(when="mean_size < 0", action="ignore"),
        "ask b": Rule(when="kind == 'b'", action="review"),
    }
    policy = Ruled(base=Constant(actions=ACTIONS, action=1), actions=ACTIONS, rules=rules, task=task)
    frame = pd.DataFrame({"text": "x", "mean size": [-1.0, -1.0, 1.0, 1.0], "kind": ["b", "a", "b", "a"]})
    proposed = policy.propose(frame, [0.5, 0.5, 0.5, 0.0])
    assert proposed["rule"].tolist() == ["ignore small", "ignore small", "ask b", ""]
    assert proposed["rule_hits"].tolist() == ["ignore small, ask b, after", "ignore small, after", "ask b, after", ""]
    assert proposed["action"].tolist() == [0, 0, 1, 1]
    assert proposed["review"].tolist() == [False, False, True, False]
    assert (
        proposed["reasons"].iloc[0]
        == "The rule “ignore small” holds (mean_size < 0), before the model was asked: ignore."
    )


def test_the_version_changes_with_threshold_and_rules(task: Task) -> None:
    base = Threshold(actions=ACTIONS, threshold=0.3, origin="x")
    assert base.digest != Threshold(actions=ACTIONS, threshold=0.31, origin="x").digest
    one = Ruled(base=base, actions=ACTIONS, rules={"loss": RULES["loss"]}, task=task)
    two = Ruled(base=base, actions=ACTIONS, rules={"loss": RULES["loss"], "unsized": RULES["unsized"]}, task=task)
    assert len({policies.rules_digest(each) for each in (base, one, two)}) == 3


@pytest.mark.parametrize("wrong", [np.nan, -0.1, 1.5])
def test_what_is_no_probability_is_refused(wrong: float, frame: pd.DataFrame) -> None:
    policy = Threshold(actions=ACTIONS, threshold=0.3, origin="x")
    with pytest.raises(DataError, match="probability of row 1"):
        policy.propose(frame.head(2), [0.5, wrong])
    with pytest.raises(DataError, match="one probability a row"):
        policy.propose(frame.head(2), [0.5])


def test_values_of_no_policy_are_refused() -> None:
    for values in ({}, {"kind": "threshold"}, {"kind": "pickle", "data": "x"}):
        with pytest.raises(LoopbookError, match="no policy"):
            policies.load(values)


def test_the_threshold_in_force_is_the_scenarios_then_the_approved_then_the_costs(task: Task) -> None:
    settings = DecisionsSettings()
    assert Plan.of(task, settings).threshold[0] == pytest.approx(1 / 6)
    assert Plan.of(task, settings, approved_threshold=0.4).threshold == (0.4, "as approved")
    set_by_hand = settings.model_copy(update={"threshold": 0.3})
    assert Plan.of(task, set_by_hand, approved_threshold=0.4).threshold == (0.3, "as the scenario says")


def test_only_policies_that_obey_what_people_set_are_eligible(task: Task) -> None:
    settings = DecisionsSettings()
    assert "tree" in Plan.of(task, settings).eligible and "rules" not in Plan.of(task, settings).names
    assert Plan.of(task, settings, approved_threshold=0.4).eligible == ("threshold", "review")
    assert Plan.of(task, settings, {"loss": RULES["loss"].model_dump()}).eligible == ("rules", "review")
    assert Plan.of(task, settings.model_copy(update={"policy": "tree"})).eligible == ("tree",)
    with pytest.raises(ScenarioError, match="there are none"):
        Plan.of(task, settings.model_copy(update={"policy": "rules"}))
    with pytest.raises(ScenarioError, match="nothing is called 'x'"):
        Plan.of(task, settings, {"bad": {"when": "x > 1", "action": "alert"}})

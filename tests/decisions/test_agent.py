from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from tests.decisions.conftest import rows

from loopbook.decisions import log, outbox, policy_costs
from loopbook.decisions.agent import Agent, Episode
from loopbook.decisions.building import Plan, build
from loopbook.decisions.policies import Policy
from loopbook.decisions.replay import simulated_verdicts
from loopbook.scenario.decisions import DecisionsSettings, Rule
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Task
from loopbook.store import content


@pytest.fixture(scope="module")
def stream() -> pd.DataFrame:
    return rows(400, seed=21)


@pytest.fixture(scope="module")
def policy(task: Task, frame: pd.DataFrame, settings: DecisionsSettings) -> Policy:
    rule = Rule(when="mean_size_missing and probability > 0.5", action="review", position="after")
    return build(Plan.of(task, settings, {"unsized": rule.model_dump()}), frame, frame["p"])["review"]


def agent(plan: Plan, policy: Policy, stream: pd.DataFrame, **changed: object) -> Agent:
    verdicts = simulated_verdicts(stream, plan)
    made = {
        "name": "test",
        "plan": plan,
        "reasoning": lambda part: part["p"].to_numpy(),
        "policy": policy,
        "model_version": "m1",
        "capacity": plan.settings.review_capacity,
        "reviewer": lambda row_id: plan.actions[verdicts[row_id]],
    }
    return Agent(**{**made, **changed})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def episode(plan: Plan, policy: Policy, stream: pd.DataFrame) -> Episode:
    return agent(plan, policy, stream).execute(stream)


@pytest.fixture(scope="module")
def settled(episode: Episode, stream: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    return log.settle(episode.log, stream[["row_id", "label"]], plan)


def test_the_stream_is_lived_through_in_the_order_of_time(episode: Episode, stream: pd.DataFrame) -> None:
    assert episode.log["time"].is_monotonic_increasing
    assert sorted(episode.log["row_id"]) == sorted(stream["row_id"])
    assert episode.log["decision_id"].is_unique


def test_the_log_costs_what_comparison_says(
    settled: pd.DataFrame, policy: Policy, stream: pd.DataFrame, plan: Plan
) -> None:
    table = policy_costs.judge({"it": policy}, stream, stream["p"], plan, resamples=50).table("it")
    summed = log.summary(settled, plan)
    for name in ("precision", "recall", "accuracy", "review_share", "reviews", "acts"):
        assert summed[name] == pytest.approx(table.loc["it", name]), name
    assert summed["cost_per_decision"] == pytest.approx(table.loc["it", "cost"])
    assert summed["reviews"] > 0 and summed["settled"] == summed["decisions"] == 400


def test_costs_can_be_recomputed_from_the_log_alone(settled: pd.DataFrame, settings: DecisionsSettings) -> None:
    prices = settings.costs
    matrix = {("alert", 1): prices.true_positive, ("alert", 0): prices.false_positive}
    matrix |= {("ignore", 1): prices.false_negative, ("ignore", 0): prices.true_negative}
    for row in settled.to_dict("records"):
        assert row["cost"] == pytest.approx(matrix[row["action"], row["label"]] + row["reviewed"] * prices.review)


def test_every_line_of_the_log_agrees_with_itself(settled: pd.DataFrame) -> None:
    assert (settled["decision"].eq("review") == settled["reviewed"]).all()
    assert not (settled["reviewed"] & settled["review_refused"]).any()
    asked = settled[settled["reviewed"]]
    assert (asked["verdict"] == asked["action"]).all()
    assert settled[~settled["reviewed"]]["verdict"].isna().all()
    assert (settled[~settled["reviewed"]]["decision"] == settled[~settled["reviewed"]]["action"]).all()
    assert asked["reasons"].str.contains("The reviewer decided").all()
    assert settled[settled["review_refused"]]["reasons"].str.contains("No person has time").all()
    assert (settled["rule"] == settled["rule_hits"]).all()


def test_the_batch_changes_nothing(plan: Plan, policy: Policy, stream: pd.DataFrame, episode: Episode) -> None:
    for batch in (7, 1_000):
        again = agent(plan, policy, stream, batch=batch).execute(stream)
        pd.testing.assert_frame_equal(again.log, episode.log)
        pd.testing.assert_frame_equal(again.outbox, episode.outbox)


def test_the_agent_never_looks_at_the_label(plan: Plan, policy: Policy, stream: pd.DataFrame) -> None:
    blind = agent(plan, policy, stream, reviewer=None)
    with_label = blind.execute(stream.assign(y="yes"))
    without = blind.execute(stream.drop(columns="label"))
    pd.testing.assert_frame_equal(with_label.log, without.log)
    assert with_label.log["label"].isna().all() and with_label.log["cost"].isna().all()
    assert "y" not in with_label.log


def test_reviews_stay_open_while_nobody_answers(plan: Plan, policy: Policy, stream: pd.DataFrame) -> None:
    open_ones = agent(plan, policy, stream, reviewer=None).execute(stream)
    settled = log.settle(open_ones.log, stream[["row_id", "label"]], plan)
    assert (settled["action"].eq("review") == settled["reviewed"]).all() and settled["reviewed"].any()
    assert (settled["cost"].isna() == settled["reviewed"]).all()
    assert log.summary(settled, plan)["settled"] == int((~settled["reviewed"]).sum())


def test_outcomes_arrive_one_after_the_other(
    episode: Episode, stream: pd.DataFrame, plan: Plan, settled: pd.DataFrame
) -> None:
    half = log.settle(episode.log, stream[["row_id", "label"]].head(200), plan)
    assert half["label"].notna().sum() == half["cost"].notna().sum() == 200
    both = log.settle(half, stream[["row_id", "label"]].tail(200), plan)
    pd.testing.assert_frame_equal(both, settled)
    with pytest.raises(DataError, match="Two outcomes"):
        log.settle(episode.log, pd.concat([stream, stream])[["row_id", "label"]], plan)
    with pytest.raises(DataError, match="0 or 1"):
        log.settle(episode.log, pd.DataFrame({"row_id": ["r00000"], "label": [2]}), plan)


def test_versions_name_what_decided(plan: Plan, policy: Policy, stream: pd.DataFrame, episode: Episode) -> None:
    assert set(episode.log["model_version"]) == {"m1"}
    assert set(episode.log["policy_version"]) == {policy.digest}
    other = agent(plan, policy, stream, model_version="m2").execute(stream)
    assert not set(other.log["decision_id"]) & set(episode.log["decision_id"])
    assert other.outbox["id"].tolist() == episode.outbox["id"].tolist()


def test_the_log_survives_the_store(settled: pd.DataFrame, tmp_path: pytest.TempPathFactory) -> None:
    back = content.load(content.save(settled, tmp_path / "decisions"))  # type: ignore[operator]
    pd.testing.assert_frame_equal(back, settled, check_dtype=False)
    assert content.digest_value(back) == content.digest_value(settled)


def test_fields_called_like_columns_of_the_log_are_kept(stream: pd.DataFrame, plan: Plan, policy: Policy) -> None:
    named = stream.assign(action="from the source", cost=3.0)
    found = agent(plan, policy, named).execute(named).log
    assert set(found["action_source"]) == {"from the source"} and set(found["cost_source"]) == {3.0}
    assert found["cost"].isna().all()


def test_messages_say_what_to_do_and_carry_what_is_needed(episode: Episode, settled: pd.DataFrame, task: Task) -> None:
    kinds = episode.outbox["kind"].value_counts()
    assert kinds["review"] == settled["reviewed"].sum()
    assert kinds["alert"] == settled["action"].eq("alert").sum()
    one = json.loads(episode.outbox["payload"].iloc[0])
    assert set(one["fields"]) == set(task.fields) and one["agent"] == "test"
    missing = episode.outbox["payload"].map(lambda text: json.loads(text)["fields"]["mean size"] is None)
    assert missing.any() and not missing.all()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda each: each.drop(columns="row_id"), "row_id"),
        (lambda each: each.drop(columns="kind"), "kind"),
        (lambda each: pd.concat([each, each.head(1)]), "comes twice"),
        (lambda each: each.assign(p=np.nan), "as the probability of row 0"),
        (lambda each: each.assign(p=2.0), "as the probability of row 0"),
    ],
)
def test_a_stream_that_cannot_be_decided_on_is_refused(
    change: object, told: str, stream: pd.DataFrame, plan: Plan, policy: Policy
) -> None:
    with pytest.raises(DataError, match=told):
        agent(plan, policy, stream).execute(change(stream))  # type: ignore[operator]


def test_an_empty_stream_leaves_an_empty_log(stream: pd.DataFrame, plan: Plan, policy: Policy) -> None:
    nothing = agent(plan, policy, stream).execute(stream.iloc[:0])
    assert len(nothing.log) == 0 and list(nothing.outbox.columns) == outbox.COLUMNS
    assert np.isnan(log.summary(nothing.log, plan)["cost_per_decision"])
    assert len(log.per_day(nothing.log, plan)) == 0


def test_the_diary_has_every_day_and_every_decision(settled: pd.DataFrame, plan: Plan) -> None:
    diary = log.per_day(settled, plan)
    assert diary["decisions"].sum() == 400 and diary["reviews"].sum() == settled["reviewed"].sum()
    total = (diary["cost"] * diary["decisions"]).sum()
    assert total == pytest.approx(settled["cost"].sum())
    gap = log.per_day(settled[settled["time"].dt.day.isin([1, 5])], plan)
    assert gap["decisions"].tolist()[1:4] == [0, 0, 0] and gap["cost"].isna().sum() == 3
    undated = log.per_day(settled.assign(time=pd.NaT), plan, slices=10)
    assert undated.index.tolist() == list(range(1, 11)) and undated["decisions"].tolist() == [40] * 10


def test_further_sentences_are_added_to_the_reasons(episode: Episode) -> None:
    row = episode.log["row_id"].iloc[3]
    longer = log.explained(episode.log, {row: "Because."})
    assert longer["reasons"].iloc[3].endswith(" Because.")
    assert (longer["reasons"].drop(index=3) == episode.log["reasons"].drop(index=3)).all()


def test_decisions_come_one_by_one(stream: pd.DataFrame, plan: Plan, policy: Policy) -> None:
    running = agent(plan, policy, stream).run(stream)
    assert isinstance(running, Iterator)
    first = next(running)
    assert first.row_id == stream.sort_values(["time", "row_id"])["row_id"].iloc[0]

"""Of what was served, those decisions count that can be held against the run; else the agent replays its stream."""

from __future__ import annotations

import json
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.decisions.conftest import rows

from loopbook.decisions import served
from loopbook.decisions.agent import Agent
from loopbook.decisions.building import Plan, build
from loopbook.decisions.policies import Policy
from loopbook.decisions.replay import Budget
from loopbook.models import answers, seen_rows

FEATURES = SimpleNamespace(
    texts=("text",), numbers=[SimpleNamespace(field="mean size")], categories=[SimpleNamespace(field="kind")]
)


class Reasoning:
    """A model that knows each row's probability, and which rows it has learned from."""

    features = FEATURES

    def __init__(self, learned: pd.DataFrame | None = None) -> None:
        self.learned = None if learned is None else seen_rows.hashes(FEATURES, learned)  # type: ignore[arg-type]

    def answer(self, frame: pd.DataFrame) -> answers.Answers:
        return answers.of(frame["p"].to_numpy(), ("calm", "grave"))


def distinct(count: int, seed: int) -> pd.DataFrame:
    """Return rows of which no two say the same."""
    return rows(count, seed).assign(**{"mean size": seed + np.linspace(0, 0.9, count)})


@pytest.fixture(scope="module")
def stream() -> pd.DataFrame:
    return distinct(120, 3)


@pytest.fixture(scope="module")
def policy(plan: Plan, frame: pd.DataFrame) -> Policy:
    return build(plan, frame, frame["p"])["threshold"]


def sealed(decided: pd.DataFrame, plan: Plan, policy: Policy, model: str = "m1") -> pd.DataFrame:
    """Return the sealed log of decisions on rows, in the order in which they were written down."""
    agent = Agent("test", plan, lambda part: part["p"].to_numpy(), policy, model)
    said = agent.reason(decided)
    table = pd.DataFrame([asdict(one) for one in agent.decide(decided, said, Budget(0.0))])
    inputs = decided[["text", "mean size", "kind"]].astype(object).where(decided.notna(), None)
    return table.assign(
        value=None,
        scores=[json.dumps({"calm": 1 - p, "grave": p}) for p in decided["p"]],
        also="{}",
        fields=[json.dumps(row) for row in inputs.to_dict("records")],
        attributes="{}",
        written=pd.date_range("2026-04-01", periods=len(decided), freq="s", tz="UTC"),
    )


def live(
    plan: Plan, policy: Policy, log: pd.DataFrame, stream: pd.DataFrame, least: int = 1, **known: Any
) -> served.Stream:
    scenario = SimpleNamespace(name="test", simulated=False, task=plan.task, source=SimpleNamespace(group=None))
    settings = SimpleNamespace(served_least=least, explained=0, review_capacity=0.0)
    stage: Any = SimpleNamespace(
        scenario=scenario, settings=settings, digest=lambda _: "m1", read=lambda _: rows(50, seed=4)
    )
    model: Any = Reasoning(known.pop("learned", None))
    return served.live(stage, plan, (model, policy), log, served.Known(stream, known.get("splits", [stream.head(0)])))


def test_decisions_are_taken_as_they_were_and_settled_where_the_row_is_known(
    plan: Plan, policy: Policy, stream: pd.DataFrame
) -> None:
    new = distinct(40, 9).assign(row_id=[f"new-{number}" for number in range(40)])
    found = live(plan, policy, sealed(pd.concat([stream, new]), plan, policy), stream)
    assert found.figures["stream"] == "served" and found.figures["decisions"] == 160
    assert found.log.set_index("row_id")["label"].notna().sum() == found.figures["settled"] == 120
    assert found.rows["row_id"].tolist() == found.log["row_id"].tolist() == found.scores["row_id"].tolist()
    assert found.told.startswith("**Served**: 160 decisions from 2026-03-01")


def test_what_is_no_news_is_left_out_and_counted(plan: Plan, policy: Policy, stream: pd.DataFrame) -> None:
    log = sealed(stream, plan, policy)
    log.loc[0, ["row_id", "time"]] = None
    log.loc[1, "decision"] = "sell"
    again = log.tail(5).assign(written=log["written"].max() + pd.Timedelta(1, "D"), time=log["time"].min())
    log = pd.concat([again, log], ignore_index=True)
    found = live(plan, policy, log, stream, splits=[stream[10:20]], learned=stream[20:23])
    assert found.figures["decisions"] == 120 - 2 - 10 - 3
    assert found.told.endswith(
        "Left out: 1 forgotten, 1 of other classes or actions, 5 asked again, 13 known to the model or 02."
    )
    kept = found.log.set_index("row_id")["time"]
    first = stream.set_index("row_id")["time"]
    pd.testing.assert_series_equal(kept, first.loc[kept.index], check_dtype=False, check_freq=False)


def test_all_versions_count_and_those_of_the_champion_are_watched(
    plan: Plan, policy: Policy, stream: pd.DataFrame
) -> None:
    halves = [sealed(stream.head(50), plan, policy, "m0"), sealed(stream.tail(70), plan, policy)]
    found = live(plan, policy, pd.concat(halves, ignore_index=True), stream)
    assert (found.figures["stream_versions"], found.figures["stream_watched"]) == (2, 70)
    assert found.versions.set_index("model")["watched"].to_dict() == {"m0": False, "m1": True}
    assert "watches the 70 of this run's champion" in found.told


@pytest.mark.parametrize(("own", "kind"), [(69, "replayed"), (70, "served")])
def test_too_few_of_the_champion_are_replayed_and_the_page_says_so(
    plan: Plan, policy: Policy, stream: pd.DataFrame, own: int, kind: str
) -> None:
    parts = [sealed(stream.head(120 - own), plan, policy, "m0"), sealed(stream.tail(own), plan, policy)]
    found = live(plan, policy, pd.concat(parts, ignore_index=True), stream, least=70)
    assert found.figures["stream"] == kind
    assert (f"has decided {own} rows" in found.told) == (kind == "replayed")
    assert np.array_equal(sorted(found.rows["row_id"]), sorted(stream["row_id"]))

"""Champion and challenger on live traffic: the better is found, an equal one is not, and who counts as a witness."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from tests.benchmarks.trials import BETTER, EQUAL, WORSE, judge, simulate
from tests.feedback.conftest import of_task

from loopbook.decisions.audit.entry import Stored
from loopbook.feedback import live_comparison
from loopbook.feedback.live_comparison import Mode
from loopbook.scenario import loading
from loopbook.scenario.contract import Scenario
from loopbook.store.project import Project

ROLES = {"office": "admin", "ann": "reviewer", "website": "caller"}
NOW = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def market() -> Scenario:
    return loading.load("market-monitor", Project.find().scenarios, "standard")


@pytest.mark.parametrize(("mode", "rows"), [("shadow", 2_500), ("share", 6_000)])
def test_the_better_one_is_found_and_an_equal_one_is_not(market: Scenario, mode: Mode, rows: int) -> None:
    found = {
        kind: Counter(judge(market, simulate(market, kind, mode, rows, seed)).test.finding for seed in range(6))
        for kind in (BETTER, EQUAL)
    }
    assert found[BETTER]["better"] >= 5 and not found[BETTER]["worse"]
    assert found[EQUAL]["better"] <= 1


def test_a_worse_one_is_found_worse_and_not_proposed(market: Scenario) -> None:
    found = judge(market, simulate(market, WORSE, "shadow", 2_500, 1))
    assert found.test.finding == "worse" and "worse" in found.sentence
    assert live_comparison.propose(found, "m") == []
    better = judge(market, simulate(market, BETTER, "shadow", 2_500, 1))
    (proposal,) = live_comparison.propose(better, "m")
    assert proposal.safe and proposal.change == {"champion": "m"}
    assert proposal.evidence["rows with an outcome"] == better.known


def test_losses_are_costs_and_a_row_counts_once(market: Scenario) -> None:
    traffic = simulate(market, BETTER, "shadow", 400, 3)
    found, costs = judge(market, traffic), market.decisions.costs
    idle, no = market.task.actions[0], market.task.label.classes[0]
    prices = np.array([[costs.true_negative, costs.false_negative], [costs.false_positive, costs.true_positive]])
    by_hand = [
        prices[int(stored.facts["action"] != idle), int(traffic.right[stored.id][1] != no)]
        for stored in traffic.decided
        if stored.id in traffic.right
    ]
    assert found.losses[0] == pytest.approx(np.mean(by_hand)) and found.known == len(by_hand)
    assert found.test.mean.value == pytest.approx(found.losses[0] - found.losses[1])
    again = [replace(stored, id=f"again {stored.id}") for stored in traffic.decided]
    twice = live_comparison.compare([*traffic.decided, *again], traffic.shadows, traffic.right, market, 0.05)
    assert twice == found


def said(id: str, caller: str, label: str | None = None, **review: str) -> Stored:
    facts = {"decision_id": id, "caller": caller, "user": caller}
    facts |= {"label": label} if label else {}
    facts |= {"review": review} if review else {}  # type: ignore[dict-item]
    return Stored("feedback", f"{id} {caller} {label} {review}", facts, written=NOW)


def test_users_have_no_vote_and_of_reviews_those_drawn_at_random(market: Scenario) -> None:
    no, yes = market.task.label.classes
    entries = [
        said("a", "office", yes),
        said("b", "website", yes),
        said("c", "ann", None, why="random", verdict="accept", **{"class": no}),
        said("d", "ann", None, why="useful", verdict="correct", **{"class": no}),
        said("e", "office", yes),
        said("e", "ann", no, why="random", verdict="correct", **{"class": no}),
        said("f", "stranger", yes),
    ]
    withdrawn = said("g", "ann", no, why="random", verdict="correct", **{"class": no})
    undone = said("g", "ann", None, verdict="undo", of=withdrawn.id)
    found = live_comparison.outcomes([*entries, withdrawn, undone], ROLES, market)
    assert {id: label for id, (_, label) in found.items()} == {"a": yes, "c": no}


def test_of_a_number_whose_costs_have_no_bounds_it_is_how_often_an_action_is_wrong() -> None:
    task = {"type": "number", "label": {"column": "t", "limits": [30]}, "actions": ["queue", "hurry"]}
    scenario = of_task(task, decisions={"costs": {"function": {"queue": "value", "hurry": "60 - value"}}})
    mark = {"id": "t", "arm": "champion", "mode": "shadow", "share": 0.1}
    decided, shadows, right = [], [], {}
    for at, (value, own, other) in enumerate(
        [(10.0, "queue", "hurry"), (50.0, "queue", "hurry"), (40.0, "review", "queue")]
    ):
        facts = {"action": own, "scores": {}, "trial": mark}
        decided.append(Stored("decision", f"d{at}", facts, {"row_id": f"r{at}"}))
        shadows.append(Stored("shadow", f"s{at}", {**facts, "action": other, "decision_id": f"d{at}"}))
        right[f"d{at}"] = NOW, value
    found = live_comparison.compare(decided, shadows, right, scenario, 0.05)
    error = scenario.decisions.costs.review_error
    assert found.measure == live_comparison.WRONG
    assert found.losses == (pytest.approx((1 + error) / 3), pytest.approx(2 / 3))

"""The review queue's order follows the strategy that the scenario names."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tests.feedback.conftest import of_task

from loopbook.decisions.audit.entry import Stored
from loopbook.feedback import acquisition
from loopbook.feedback.review_order import Pool
from loopbook.scenario.feedback import Strategy

P = np.array([[0.49, 0.49, 0.01, 0.01], [0.42, 0.3, 0.14, 0.14], [0.97, 0.01, 0.01, 0.01], [0.6, 0.2, 0.1, 0.1]])


def order(strategy: str) -> list[str]:
    costs = {"costs": {"right": 0, "wrong": 1}}
    task = {"type": "multiclass", "label": {"column": "t"}}
    scenario = of_task(task, decisions=costs, feedback={"strategy": strategy})
    decisions = [Stored("decision", f"d{at}", {"scores": dict(zip("abcd", p, strict=True))}) for at, p in enumerate(P)]
    return list(Pool.of(scenario, decisions, {}).order)


@pytest.mark.parametrize(
    ("strategy", "useful"),
    [("uncertainty", acquisition.entropy), ("margin", acquisition.margin), ("cost", lambda p: 1 - p.max(axis=1))],
)
def test_the_queue_is_ordered_by_the_strategy(strategy: Strategy, useful: Callable[[np.ndarray], np.ndarray]) -> None:
    assert order(strategy) == [f"d{at}" for at in np.argsort(-useful(P), kind="stable")]


def test_at_random_the_model_is_not_asked_and_what_needs_a_network_goes_by_cost() -> None:
    assert sorted(order("random")) == ["d0", "d1", "d2", "d3"] and order("random") == order("random")
    assert order("bald") == order("diversity") == order("cost")

"""What another threshold, other costs or more people to ask would do, from a few counts."""

from __future__ import annotations

import numpy as np
import pytest
from tests.decisions.conftest import two

from loopbook.decisions import what_if
from loopbook.decisions.policies import Constant, Policy, Review, Threshold, Tree
from loopbook.decisions.tree import Leaf
from loopbook.scenario.decisions import Costs

PRICES = two(Costs())
RNG = np.random.default_rng(7)


def rows(count: int, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    p = RNG.beta(0.6, 2.0, count) * scale
    return (RNG.random(count) < p).astype(int), p


@pytest.mark.parametrize(
    ("count", "scale", "costs_of"),
    [(50, 1.0, {}), (4000, 1.0, {"true_positive": -3.0}), (4000, 0.02, {"false_negative": 90.0}),
     (150, 1.0, {"review": 0.0, "review_error": 0.5})],
)  # fmt: skip
@pytest.mark.parametrize("threshold", [0.0, 0.01, 0.3, 1.01])
def test_without_people_it_is_what_the_threshold_costs_on_every_row(
    count: int, scale: float, costs_of: dict[str, float], threshold: float
) -> None:
    label, p = rows(count, scale)
    counts, prices = what_if.bins(label, p), two(Costs.model_validate(costs_of))
    assert len(counts) <= what_if.BINS and sum(one.positive + one.negative for one in counts) == count
    found = what_if.effect(counts, prices, threshold, 0.0)
    # The bins decide as rows do but for the one bin that the threshold cuts.
    means = np.array([one.probability for one in counts])
    near = np.abs(means[:, None] - p).argmin(axis=0)
    acted = means[near] >= threshold
    exact = prices.realised(p >= threshold, label).mean()
    dearest = np.ptp(prices.cost, axis=0).max()
    assert abs(found.cost - exact) <= dearest * (2 / len(counts) + 2 / count)
    assert found.reviews == 0.0
    assert found.recall is None or 0 <= found.recall <= 1
    if acted.all():
        assert found.recall == 1.0


@pytest.mark.parametrize("capacity", [0.05, 0.2, 1.0])
def test_people_are_asked_where_it_pays_and_no_oftener_than_they_can(capacity: float) -> None:
    counts = what_if.bins(*rows(3000))
    found = what_if.effect(counts, PRICES, 0.2, capacity)
    assert 0 < found.reviews <= capacity + 1e-12
    assert found.cost < what_if.effect(counts, PRICES, 0.2, 0.0).cost
    dear = two(Costs(review=50.0))
    assert what_if.effect(counts, dear, 0.2, capacity).reviews == 0.0


def test_rows_of_one_score_are_not_parted_and_one_class_has_no_recall() -> None:
    assert what_if.bins([0, 0, 1, 0], [0.5, 0.5, 0.5, 0.1]) == [(0.1, 0, 1), (0.5, 1, 2)]
    found = what_if.effect(what_if.bins([0, 0], [0.2, 0.4]), PRICES, 0.5, 0.0)
    assert (found.recall, found.precision, found.cost) == (None, None, 0.0)


def test_the_table_holds_the_threshold_in_force() -> None:
    plain = what_if.plain(*rows(500), PRICES, 0.1, 0.1667, "EUR")
    assert 0.1667 in [row["threshold"] for row in plain["table"]]
    assert plain["currency"] == "EUR" and len(plain["bins"]) <= what_if.BINS


ACTIONS = ("pass", "flag")
ASKING = Review(actions=ACTIONS, threshold=0.3, low=0.2, high=0.6, origin="x")


@pytest.mark.parametrize(
    ("policy", "begins"),
    [
        (Constant(actions=ACTIONS, action=0), (1.0, 0.0)),
        (Constant(actions=ACTIONS, action=1), (0.0, 0.0)),
        (Threshold(actions=ACTIONS, threshold=0.5, origin="x"), (0.5, 0.0)),
        (Threshold(actions=ACTIONS, threshold=1.0000001, origin="x"), (1.0, 0.0)),
        (ASKING, (0.3, 0.1)),
        (Tree(actions=ACTIONS, root=Leaf(action=1, rows=9, right=5)), (0.25, 0.0)),
    ],
)
def test_it_begins_where_the_agents_policy_stands(policy: Policy, begins: tuple[float, float]) -> None:
    assert what_if.start(policy, 0.25, 0.1) == begins

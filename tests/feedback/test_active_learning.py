"""What to label next: doubtful, different from each other, and beside them a fair random share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.feedback.conftest import estimated_log, of_task

from loopbook.data.features import Features
from loopbook.decisions import costs
from loopbook.feedback import acquisition, active_learning, diversity
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError
from loopbook.scenario.feedback import Strategy


def pool_of(count: int) -> pd.DataFrame:
    return pd.DataFrame({"row_id": [f"r{at}" for at in range(count)]})


unsure = acquisition.uncertainty


def test_uncertainty_is_one_bit_at_the_threshold() -> None:
    np.testing.assert_allclose(acquisition.uncertainty([0.5, 0.11], 0.5), [1.0, 0.49992], atol=1e-4)
    found = acquisition.uncertainty([0.05, 0.2, 0.6, 0.0, 1.0], 0.2)
    assert found[1] == pytest.approx(1)
    assert found.argmax() == 1
    np.testing.assert_allclose(found[3:], 0, atol=1e-4)


def test_copies_of_one_doubt_are_one_question() -> None:
    position = np.repeat(np.eye(3), 10, axis=0)
    probability = np.concatenate([np.full(10, 0.5), np.full(10, 0.45), np.full(10, 0.4)])
    chosen = active_learning.order(pool_of(30), unsure(probability), position, 3, random_share=0)
    assert sorted(int(row[1:]) // 10 for row in chosen["row_id"]) == [0, 1, 2]
    np.testing.assert_allclose(chosen["distance"], [np.nan, np.sqrt(2), np.sqrt(2)])
    assert chosen["why"].tolist() == ["uncertain"] * 3


def test_without_differences_the_most_uncertain_are_chosen() -> None:
    probability = np.linspace(0.01, 0.99, 99)
    chosen = active_learning.order(pool_of(99), unsure(probability), np.ones((99, 1)), 5, random_share=0)
    assert set(chosen["row_id"]) == {"r47", "r48", "r49", "r50", "r51"}


def test_disputed_rows_come_too_but_only_so_many() -> None:
    probability = np.full(100, 0.01)
    disputed = [f"r{at}" for at in range(50)]
    chosen = active_learning.order(
        pool_of(100), unsure(probability), np.eye(100), 20, random_share=0.2, disputed=disputed
    )
    assert chosen["why"].value_counts().to_dict() == {"uncertain": 11, "disputed": 5, "random": 4}
    assert set(chosen.loc[chosen["why"] == "disputed", "row_id"]) <= set(disputed)


def test_the_random_share_stands_for_the_pool() -> None:
    random = np.random.default_rng(0)
    probability = random.random(2_000)
    chosen = active_learning.order(pool_of(2_000), unsure(probability), np.ones((2_000, 1)), 500, random_share=1)
    mean = probability[chosen["row_id"].str[1:].astype(int)].mean()
    assert mean == pytest.approx(probability.mean(), abs=0.04)
    assert chosen["rank"].tolist() == list(range(1, 501))
    again = active_learning.order(pool_of(2_000), unsure(1 - probability), np.ones((2_000, 1)), 500, random_share=1)
    assert again["row_id"].tolist() == chosen["row_id"].tolist()  # it does not depend on the model


@settings(max_examples=60, deadline=None)
@given(
    probability=st.lists(st.floats(0, 1), max_size=25),
    budget=st.integers(0, 40),
    share=st.floats(0, 1),
    threshold=st.floats(0, 1),
)
def test_the_budget_is_kept_and_nothing_is_asked_twice(
    probability: list[float], budget: int, share: float, threshold: float
) -> None:
    count = len(probability)
    chosen = active_learning.order(
        pool_of(count),
        unsure(probability, threshold),
        np.ones((count, 2)),
        budget,
        random_share=share,
        disputed=["r1"],
    )
    assert len(chosen) == min(budget, count)
    assert chosen["row_id"].is_unique
    assert chosen["rank"].tolist() == list(range(1, len(chosen) + 1))
    assert chosen["uncertainty"].between(0, 1).all()


def test_lengths_must_fit() -> None:
    with pytest.raises(DataError, match="do not fit together"):
        active_learning.order(pool_of(3), unsure([0.5]), np.ones((3, 1)), 1)


def test_alike_rows_are_near_each_other(decide: Callable[..., pd.DataFrame], scenario: Scenario) -> None:
    log = decide(60)
    features = Features.fit(log.assign(label=log["label"].astype("int8")), scenario)
    rows = log.head(3).assign(
        text=["losses at the plant", "losses at the plant", "a sunny picnic"], size=0.0, place="north"
    )
    found = diversity.vectors(rows, features)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    assert found[0] @ found[1] == pytest.approx(1)
    assert found[0] @ found[2] < 0.9
    assert not len(active_learning.order(rows.head(0), np.zeros(0), diversity.vectors(rows.head(0), features), 9))


def test_usefulness_counts_what_would_be_corrected(
    decisions: pd.DataFrame, truth: dict[str, int], scenario: Scenario
) -> None:
    log = decisions.head(4).assign(action=["act", "leave", "act", "leave"])
    rows, why = log["row_id"].tolist(), ["uncertain", "uncertain", "random", "random"]
    chosen = pd.DataFrame({"row_id": rows, "why": why, "uncertainty": [0.9, 0.9, 0.4, 0.4]})
    table = active_learning.usefulness(chosen, dict(zip(rows, [0, 0, 1], strict=False)), log, scenario)
    assert table.loc["uncertain", ["items", "known", "corrected"]].tolist() == [2, 2, 0.5]
    assert table.loc["random", ["items", "known", "corrected"]].tolist() == [2, 1, 0]
    assert list(table.index) == ["uncertain", "random"]


def by_enumeration(p: np.ndarray, cost: np.ndarray) -> float:
    """Return what knowing the class would save, by going through all actions and classes."""
    blind = min(sum(p[c] * cost[a, c] for c in range(len(p))) for a in range(len(cost)))
    return blind - sum(p[c] * min(cost[a, c] for a in range(len(cost))) for c in range(len(p)))


def test_of_several_classes_doubt_is_what_knowing_the_class_is_expected_to_save() -> None:
    random = np.random.default_rng(4)
    for _ in range(50):
        k, a = random.integers(3, 8, 2)
        cost, p = random.normal(0, 5, (a, k)), random.dirichlet(np.ones(k), 30)
        prices = costs.CostMatrix(tuple(map(str, range(a))), tuple(map(str, range(k))), cost, 0.5, 0.0)
        saved = np.array([by_enumeration(row, cost) for row in p])
        np.testing.assert_allclose(acquisition.ignorance(p, prices), saved / saved.max(), atol=1e-9)
    even = costs.CostMatrix(("a", "b", "c"), ("a", "b", "c"), 1 - np.eye(3), 0.5, 0.0)
    p = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.4, 0.3, 0.3]])
    np.testing.assert_allclose(acquisition.ignorance(p, even), [0, 0.5 / 0.6, 1])


def test_classes_that_mean_one_action_leave_no_doubt() -> None:
    prices = costs.CostMatrix(("stop", "go"), ("red", "amber", "green"), np.array([[0, 0, 3], [9, 9, 0.0]]), 0.5, 0.0)
    sure, unsure = acquisition.ignorance(np.array([[0.5, 0.5, 0], [0.1, 0.1, 0.8]]), prices)
    assert (sure, unsure) == (0, 1)


@pytest.mark.parametrize("function", [False, True])
def test_of_a_number_doubt_is_greatest_where_its_distribution_holds_the_limit(function: bool) -> None:
    limit = {"costs": {"function": {"queue": "value", "hurry": "60 - value"}}} if function else {}
    task = {"type": "number", "label": {"column": "t", "limits": [30, 90]}, "actions": ["queue", "hurry", "refuse"]}
    if function:
        task = {**task, "label": {"column": "t", "limits": [30]}, "actions": ["queue", "hurry"]}
    scenario = of_task(task, decisions=limit)
    names = list(scenario.task.label.classes)
    log = estimated_log(3)
    p = np.array([[0.98, 0.02, 0], [0.5, 0.5, 0], [0.02, 0.98, 0]])[:, : len(names)]
    scores = pd.DataFrame(p, columns=names).assign(row_id=log["row_id"])
    found = active_learning.doubt(log.iloc[::-1], scores, scenario, 0.5)
    assert found.argmax() == 1
    assert found[[0, 2]].max() < 0.3


def test_of_two_classes_doubt_is_the_entropy_around_the_threshold(decisions: pd.DataFrame, scenario: Scenario) -> None:
    found = active_learning.doubt(decisions, pd.DataFrame({"row_id": []}), scenario, 0.3)
    np.testing.assert_array_equal(found, acquisition.uncertainty(decisions["probability"], 0.3))


def test_who_waits_comes_first_and_the_random_share_is_even() -> None:
    doubts = np.linspace(0, 1, 50)
    chosen = active_learning.order(pool_of(50), doubts, random_share=0.2, waiting=["r3", "r9"])
    others = chosen[chosen["why"] != "random"]
    drawn = set(active_learning.order(pool_of(50), doubts, None, 10, random_share=1)["row_id"])
    assert set(chosen.loc[chosen["why"] == "random", "row_id"]) == drawn
    waiting = [row for row in ("r9", "r3") if row not in drawn]
    assert others["row_id"].tolist()[: len(waiting)] == waiting
    assert others["uncertainty"][len(waiting) :].is_monotonic_decreasing
    assert [(chosen["why"].head(many) == "random").sum() for many in (5, 10, 25, 50)] == [1, 2, 5, 10]


def test_a_strategy_chooses_by_its_own() -> None:
    position = np.repeat(np.eye(3), 10, axis=0)
    doubts = np.concatenate([np.full(10, 0.9), np.full(10, 0.1), np.full(10, 0.2)])
    spread = active_learning.order(pool_of(30), doubts, position, 3, strategy="diversity", random_share=0)
    assert sorted(int(row[1:]) // 10 for row in spread["row_id"]) == [0, 1, 2]
    drawn = active_learning.order(pool_of(30), doubts, position, 8, strategy="random", random_share=0.5)
    assert set(drawn["why"]) == {"random"} and drawn["row_id"].is_unique and len(drawn) == 8


@pytest.mark.parametrize(("strategy", "first"), [("uncertainty", 1), ("margin", 0), ("bald", 2)])
def test_each_strategy_doubts_by_its_measure(strategy: Strategy, first: int) -> None:
    task = {"type": "multiclass", "label": {"column": "t"}}
    scenario, log = of_task(task), estimated_log(3)
    p = np.array([[0.49, 0.49, 0.01, 0.01], [0.42, 0.3, 0.14, 0.14], [0.97, 0.01, 0.01, 0.01]])
    log = log.assign(label=pd.Categorical(["a", "b", "a"], categories=["a", "b", "c", "d"]))
    scores = pd.DataFrame(p, columns=list("abcd")).assign(row_id=log["row_id"])
    drawn = np.stack([p, p[:, ::-1]])
    drawn[:, :2] = p[:2]
    found = active_learning.doubt(log, scores, scenario, None, strategy, lambda: drawn)
    assert found.argmax() == first and found.min() >= 0 and found.max() <= 1

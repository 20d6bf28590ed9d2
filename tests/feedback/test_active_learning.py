"""What to label next: doubtful, different from each other, and beside them a fair random share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopbook.data.features import Features
from loopbook.feedback import active_learning
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError


def pool_of(count: int) -> pd.DataFrame:
    return pd.DataFrame({"row_id": [f"r{at}" for at in range(count)]})


def test_uncertainty_is_one_bit_at_the_threshold() -> None:
    np.testing.assert_allclose(active_learning.uncertainty([0.5, 0.11], 0.5), [1.0, 0.49992], atol=1e-4)
    found = active_learning.uncertainty([0.05, 0.2, 0.6, 0.0, 1.0], 0.2)
    assert found[1] == pytest.approx(1)
    assert found.argmax() == 1
    np.testing.assert_allclose(found[3:], 0, atol=1e-4)


def test_copies_of_one_doubt_are_one_question() -> None:
    position = np.repeat(np.eye(3), 10, axis=0)
    probability = np.concatenate([np.full(10, 0.5), np.full(10, 0.45), np.full(10, 0.4)])
    chosen = active_learning.select(pool_of(30), probability, position, 3, random_share=0)
    assert sorted(int(row[1:]) // 10 for row in chosen["row_id"]) == [0, 1, 2]
    np.testing.assert_allclose(chosen["distance"], [np.nan, np.sqrt(2), np.sqrt(2)])
    assert chosen["why"].tolist() == ["uncertain"] * 3


def test_without_differences_the_most_uncertain_are_chosen() -> None:
    probability = np.linspace(0.01, 0.99, 99)
    chosen = active_learning.select(pool_of(99), probability, np.ones((99, 1)), 5, random_share=0)
    assert set(chosen["row_id"]) == {"r47", "r48", "r49", "r50", "r51"}


def test_disputed_rows_come_too_but_only_so_many() -> None:
    probability = np.full(100, 0.01)
    disputed = [f"r{at}" for at in range(50)]
    chosen = active_learning.select(pool_of(100), probability, np.eye(100), 20, random_share=0.2, disputed=disputed)
    assert chosen["why"].value_counts().to_dict() == {"uncertain": 11, "disputed": 5, "random": 4}
    assert set(chosen.loc[chosen["why"] == "disputed", "row_id"]) <= set(disputed)


def test_the_random_share_stands_for_the_pool() -> None:
    random = np.random.default_rng(0)
    probability = random.random(2_000)
    chosen = active_learning.select(pool_of(2_000), probability, np.ones((2_000, 1)), 500, random_share=1)
    assert chosen["probability"].mean() == pytest.approx(probability.mean(), abs=0.04)
    again = active_learning.select(pool_of(2_000), 1 - probability, np.ones((2_000, 1)), 500, random_share=1)
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
    chosen = active_learning.select(
        pool_of(count),
        probability,
        np.ones((count, 2)),
        budget,
        threshold=threshold,
        random_share=share,
        disputed=["r1"],
    )
    assert len(chosen) == min(budget, count)
    assert chosen["row_id"].is_unique
    assert chosen["rank"].tolist() == list(range(1, len(chosen) + 1))
    assert chosen["uncertainty"].between(0, 1).all()


def test_lengths_must_fit() -> None:
    with pytest.raises(DataError, match="do not fit together"):
        active_learning.select(pool_of(3), [0.5], np.ones((3, 1)), 1)


def test_alike_rows_are_near_each_other(decide: Callable[..., pd.DataFrame], scenario: Scenario) -> None:
    log = decide(60)
    features = Features.fit(log.assign(label=log["label"].astype("int8")), scenario)
    rows = log.head(3).assign(
        text=["losses at the plant", "losses at the plant", "a sunny picnic"], size=0.0, place="north"
    )
    found = active_learning.vectors(rows, features)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    assert found[0] @ found[1] == pytest.approx(1)
    assert found[0] @ found[2] < 0.9


def test_usefulness_counts_what_would_be_corrected() -> None:
    chosen = pd.DataFrame(
        {
            "row_id": ["a", "b", "c", "d"],
            "why": ["uncertain", "uncertain", "random", "random"],
            "probability": [0.6, 0.4, 0.9, 0.1],
            "uncertainty": [0.9, 0.9, 0.4, 0.4],
        }
    )
    table = active_learning.usefulness(chosen, {"a": 0, "b": 0, "c": 1}, threshold=0.5)
    assert table.loc["uncertain", ["items", "known", "corrected"]].tolist() == [2, 2, 0.5]
    assert table.loc["random", ["items", "known", "corrected"]].tolist() == [2, 1, 0]
    assert list(table.index) == ["uncertain", "random"]

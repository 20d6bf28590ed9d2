"""NDCG by query is that of scikit-learn, ties included, and its resampled mean is that of whole queries."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from loopbook.statistics import evaluation, query_ndcg


def made(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    queries = random.integers(12, size=200)
    return (random.random(200) < 0.2).astype(float), random.integers(6, size=200) / 6, queries


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("at", [1, 5, 10])
def test_of_each_query_it_is_that_of_scikit_learn_also_with_ties(seed: int, at: int) -> None:
    label, score, queries = made(seed)
    found, members = query_ndcg.ndcg(label, score, queries, at)
    for query in range(len(found)):
        own = members == query
        if label[own].any():
            assert found[query] == pytest.approx(ndcg_score(label[own][None], score[own][None], k=at))
        else:
            assert np.isnan(found[query])


def test_the_registry_has_it_with_an_interval_over_queries_and_none_without_them() -> None:
    label, score, queries = made(3)
    table = evaluation.metrics(label, score, groups=queries, only=["ndcg"], resamples=300, task="ranking")
    assert table.loc["ndcg", "value"] == pytest.approx(np.nanmean(query_ndcg.ndcg(label, score, queries)[0]))
    assert table.loc["ndcg", "low"] < table.loc["ndcg", "value"] < table.loc["ndcg", "high"]
    assert np.isnan(evaluation.metrics(label, score, only=["ndcg"], resamples=10, task="ranking").loc["ndcg", "value"])
    better = evaluation.paired(label, score, np.clip(score + label, 0, 1), "ndcg", queries, 200)
    assert better.high < 0


def test_whoever_scores_all_alike_gains_nothing_from_the_order_shown() -> None:
    label, queries = np.array([1.0, 0, 0, 0] * 5), np.repeat(np.arange(5), 4)
    even, _ = query_ndcg.ndcg(label, np.zeros(20), queries)
    assert even == pytest.approx(np.full(5, np.mean(1 / np.log2(np.arange(2, 6)))))

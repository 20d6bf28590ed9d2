"""The closed forms against other people's code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from loopbook.statistics import intervals


@given(st.integers(1, 400).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_the_interval_of_a_share_is_that_of_scipy(counted: tuple[int, int]) -> None:
    count, total = counted
    theirs = binomtest(count, total).proportion_ci(method="wilson")
    assert intervals.wilson(count / total, total) == pytest.approx((count / total, theirs.low, theirs.high), abs=1e-9)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=80))
def test_the_area_is_that_of_scikit_learn_with_ties(rows: list[tuple[bool, int]]) -> None:
    truth = np.array([row[0] for row in rows])
    score = np.array([row[1] for row in rows], dtype=float)
    if truth.all() or not truth.any():
        return
    area, low, high = intervals.delong(truth, score)
    assert area == pytest.approx(roc_auc_score(truth, score))
    assert 0 <= low <= area <= high <= 1


def test_the_interval_of_the_area_is_that_of_the_bootstrap() -> None:
    random = np.random.default_rng(3)
    truth = random.random(600) < 0.3
    score = np.round(random.normal(truth * 1.0, 1.0), 1)
    area, low, high = intervals.delong(truth, score)
    drawn = []
    for _ in range(1500):
        rows = random.integers(0, 600, 600)
        drawn.append(intervals.delong(truth[rows], score[rows])[0])
    assert (high - low) / 2 == pytest.approx(1.96 * np.std(drawn), rel=0.08)
    assert area == pytest.approx(np.mean(drawn), abs=0.005)


def test_one_row_of_a_class_tells_nothing_about_the_area() -> None:
    assert intervals.delong(np.array([True, False, False]), np.array([1.0, 0.0, 0.0])) == (1.0, 0.0, 1.0)


def test_a_mean_of_single_rows_is_students_and_rows_that_are_alike_widen_it() -> None:
    values = np.random.default_rng(1).normal(1, 1, 30)
    alone = intervals.clustered(values, np.arange(30))
    assert alone == pytest.approx(intervals.student(values))
    often = intervals.clustered(np.repeat(values, 7), np.repeat(np.arange(30), 7))
    assert often == pytest.approx(alone), "a row told seven times is one row"
    assert np.isnan(intervals.clustered(values, np.zeros(30)).low)


@pytest.mark.parametrize("groups", [2, 3, 7, 20])
def test_the_interval_of_a_clustered_mean_misses_as_often_as_is_said(groups: int) -> None:
    random, of, cases = np.random.default_rng(groups), np.arange(groups * 20) % groups, 400
    made = (random.normal(size=groups)[of] + random.normal(size=len(of)) for _ in range(cases))
    missed = sum(not found.low <= 0 <= found.high for found in (intervals.clustered(one, of, 0.1) for one in made))
    assert binomtest(missed, cases, 0.1).pvalue > 0.01


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.390)])
def test_a_rates_interval_is_the_published_one(count: int, low: float, high: float) -> None:
    assert intervals.poisson(count, 1.0) == pytest.approx((count, low, high), abs=2e-3)  # Garwood (1936)
    assert intervals.poisson(count, 2.0).value == count / 2

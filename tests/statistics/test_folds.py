"""Student's interval of folds: known answers, and how often it holds the truth; and how groups are dealt."""

from __future__ import annotations

import numpy as np
import pytest

from loopbook.scenario.errors import DataError
from loopbook.statistics import folds, intervals


def test_the_interval_is_that_of_nadeau_and_bengio() -> None:
    values = np.array([0.9, 0.8, 0.85, 0.95, 0.9, 0.88, 0.82, 0.91, 0.87, 0.92])
    found = intervals.student(values, folds=5)
    # By hand: mean 0.88, variance 0.002022..., t of 9 degrees of freedom 2.2622.
    variance = ((values - 0.88) ** 2).sum() / 9
    half = 2.262157 * (variance * (1 / 10 + 1 / 4)) ** 0.5
    assert found == pytest.approx((0.88, 0.88 - half, 0.88 + half), abs=1e-6)


def test_the_interval_holds_the_truth_where_the_plain_standard_error_does_not() -> None:
    """Of 300 small samples, the corrected interval of the accuracy should miss in about 5%; the plain one far more."""
    random = np.random.default_rng(0)
    shift, rows, missed, plainly = 1.0, 60, 0, 0
    truth = 0.691462  # of the best rule for two normal classes one apart, the threshold at the middle of their means
    for _ in range(300):
        y = np.arange(rows) % 2
        x = random.normal(y * shift, 1.0)
        figures = []
        for each in folds.stratified(y, np.arange(rows), 5, 4, 0.25, int(random.integers(1_000_000))):
            seen = np.concatenate([each.train, each.validation])
            cut = (x[seen][y[seen] == 1].mean() + x[seen][y[seen] == 0].mean()) / 2
            figures.append(((x[each.held] > cut) == y[each.held]).mean())
        found = intervals.student(figures, 5)
        half = 2.09 * np.std(figures, ddof=1) / len(figures) ** 0.5
        missed += not found.low <= truth <= found.high
        plainly += abs(found.value - truth) > half
    assert missed <= 0.1 * 300
    assert plainly >= 0.2 * 300


def test_no_figures_give_no_interval_and_a_single_one_has_no_ends() -> None:
    assert all(np.isnan(intervals.student([], 5)))
    value, low, high = intervals.student([0.5, np.nan], 5)
    assert value == 0.5 and np.isnan(low) and np.isnan(high)


def test_groups_are_dealt_whole_and_evenly() -> None:
    groups = np.arange(60) // 4
    fold = folds.grouped(groups, 5, seed=1)
    assert all(len(set(fold[groups == group])) == 1 for group in range(15))
    assert np.bincount(fold).tolist() == [12] * 5


def test_ordered_folds_depend_neither_on_the_order_of_rows_nor_on_chance() -> None:
    groups = np.array(["a", "b", "c", "d", "e", "f", "b", "a"])
    fold = folds.grouped(groups, 3, seed=1, ordered=True)
    assert (folds.grouped(groups[::-1], 3, seed=1, ordered=True)[::-1] == fold).all()
    assert fold[0] == fold[-1] and fold[1] == fold[-2]
    assert sorted(np.bincount(fold[:6])) == [2, 2, 2]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rare", [1, 3, 12])
def test_classes_of_fewer_rows_than_folds_are_dealt_with_the_others(rare: int) -> None:
    y = np.array([*"ab" * 40, *(f"rare {at}" for at in range(rare))])
    found = list(folds.stratified(y, np.arange(len(y)), 5, 1, 0.25, 0))
    assert sorted(np.concatenate([each.held for each in found])) == list(range(len(y)))
    counts = [[np.sum(np.char.startswith(y[each.held], one)) for one in ("a", "b", "rare")] for each in found]
    assert np.ptp(counts, axis=0)[1] == 0
    assert np.ptp(np.sum(counts, axis=1)) <= 1
    assert np.ptp(counts, axis=0)[2] <= (1 if rare >= 10 else rare)  # so many are dealt evenly by themselves


@pytest.mark.parametrize(("label", "has"), [([0] * 40 + [1] * 9, 9), ([0] * 40, 0), ([0] * 40 + [1] * 9 + [2] * 3, 9)])
def test_less_than_two_classes_that_can_be_dealt_are_refused(label: list, has: int) -> None:
    with pytest.raises(DataError, match=f"at least 10 groups of rows of each class; one class has {has}"):
        next(folds.stratified(label, np.arange(len(label)), 5, 1, 0.25, 0))

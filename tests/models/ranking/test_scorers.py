"""Scorers give what their formulas give, computed a second time by other means."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from loopbook.models.ranking import interactions, scorers
from loopbook.scenario.errors import DataError


def made(seed: int, users: int = 60, items: int = 30) -> csr_array:
    """Return interactions of two tastes, in a random order of taking."""
    random = np.random.default_rng(seed)
    likes = np.where((np.arange(users)[:, None] + np.arange(items)) % 2, 0.4, 0.05)
    user, item = np.nonzero(random.random((users, items)) < likes)
    return interactions.matrix(user, item, (users, items), random.random(len(user)))


def test_a_history_is_in_the_order_of_taking_and_holds_each_item_once() -> None:
    history = interactions.matrix([1, 0, 1, 1, 1], [3, 0, 2, 3, 1], (3, 4), [1, 5, 2, 9, 4])
    assert history.indices.tolist() == [0, 2, 1, 3] and history.indptr.tolist() == [0, 1, 4, 4]
    assert interactions.latest(history, 2).tolist() == [[0, -1], [3, 1], [-1, -1]]
    named = interactions.of_histories([["c", "?", "a", "c"], []], {"a": 0, "b": 1, "c": 2})
    assert named.indices.tolist() == [0, 2] and named.shape == (2, 3)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ease_is_its_closed_form(seed: int) -> None:
    history = made(seed)
    dense = history.toarray().astype(np.float64)
    inverse = np.linalg.inv(dense.T @ dense + 7 * np.eye(30))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    found = scorers.ease(history, 7)
    assert found.weights.flags.c_contiguous and found.weights.dtype == np.float32
    np.testing.assert_allclose(found.weights, weights, atol=1e-5)
    np.testing.assert_allclose(found.scores(history), dense @ weights, atol=1e-4)


def test_ease_in_blocks_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scorers.ease(made(3), 5).weights
    monkeypatch.setattr(scorers, "_BLOCK", 7)
    np.testing.assert_allclose(scorers.ease(made(3), 5).weights, whole, atol=1e-6)


def test_ease_of_three_items_by_hand() -> None:
    # Two users took a and b, one a and c: with λ = 1 the matrix is [[4, 2, 1], [2, 3, 0], [1, 0, 2]], determinant 13.
    history = interactions.matrix([0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 2], (3, 3))
    weights = scorers.ease(history, 1).weights
    inverse = np.array([[6, -4, -3], [-4, 7, 2], [-3, 2, 8]]) / 13
    assert weights[0, 1] == pytest.approx(-inverse[0, 1] / inverse[1, 1], abs=1e-6) == pytest.approx(4 / 7, abs=1e-6)
    assert weights[1, 2] == pytest.approx(-2 / 8, abs=1e-6) and weights[2, 2] == 0


def test_ease_says_from_where_on_it_is_left_out() -> None:
    with pytest.raises(DataError, match=r"left out of 25,001 items.*als"):
        scorers.ease(csr_array((2, 25_001), dtype=np.float32))


@pytest.mark.parametrize("neighbours", [3, 30])
def test_item_knn_is_the_shrunk_cosine_of_the_nearest(monkeypatch: pytest.MonkeyPatch, neighbours: int) -> None:
    monkeypatch.setattr(scorers, "_BLOCK", 8)
    history = made(1)
    dense = history.toarray().astype(np.float64)
    both, count = dense.T @ dense, dense.sum(axis=0)
    near = both / (np.sqrt(np.outer(count, count)) + 4)
    np.fill_diagonal(near, 0)
    for column in near.T:
        column[np.argsort(-column, kind="stable")[neighbours:]] = 0
    found = scorers.item_knn(history, neighbours, 4)
    assert (np.diff(found.weights.tocsc().indptr) <= neighbours).all()
    np.testing.assert_allclose(found.weights.toarray().sum(axis=0), near.sum(axis=0), rtol=1e-5)
    if neighbours == 30:
        np.testing.assert_allclose(found.scores(history), dense @ near, rtol=1e-4)


def test_popularity_counts_users_and_ages() -> None:
    history = interactions.matrix([0, 1, 2, 2], [1, 1, 1, 0], (3, 3))
    assert scorers.popularity(history).scores(history)[2].tolist() == pytest.approx(np.log1p([1, 3, 0]).tolist())
    recent = scorers.popularity(history, [10.0, 0.0, 0.0, 20.0], 10)  # user 2 took 1 at first, then 0
    ages = dict(zip(history.indices[2:], [0.0, 20.0], strict=True))
    assert recent.score.tolist() == pytest.approx(np.log1p([0.5 ** (ages[0] / 10), 1.5 + 0.5 ** (ages[1] / 10), 0]))


def test_als_finds_the_tastes_and_folds_in_by_the_normal_equations() -> None:
    history = made(5)
    found = scorers.als(history, factors=6, regularisation=0.1, alpha=4, passes=10)
    again = scorers.als(history, factors=6, regularisation=0.1, alpha=4, passes=10)
    np.testing.assert_array_equal(found.items, again.items)
    dense, items = history.toarray(), found.items
    for row in range(3):
        sure = np.diag(np.where(dense[row] > 0, 4.0, 1.0))
        user = np.linalg.solve(items.T @ sure @ items + 0.1 * np.eye(6), items.T @ sure @ dense[row])
        np.testing.assert_allclose(found.users(history)[row], user, rtol=1e-3, atol=1e-4)
    scores = found.scores(interactions.of_histories([[1, 3, 5], []], {item: item for item in range(30)}))
    assert scores[0, 7::2].mean() > scores[0, 6::2].mean() + 0.1 and not scores[1].any()


@pytest.mark.parametrize(
    "fit", [scorers.popularity, scorers.item_knn, scorers.ease, lambda history: scorers.als(history, 4, passes=2)]
)
def test_what_is_saved_scores_as_before(fit: object) -> None:
    history = made(2)
    found = fit(history)  # type: ignore[operator]
    np.testing.assert_array_equal(scorers.restored(found.arrays).scores(history), found.scores(history))


@pytest.mark.parametrize("dense", [True, False])
def test_the_nearest_of_an_item_are_those_of_largest_weight_and_none_below_zero(dense: bool) -> None:
    weights = np.random.default_rng(3).normal(size=(40, 40)).astype(np.float32)
    weights[5] = -1
    found = scorers.ItemItem(weights if dense else csr_array(weights)).nearest(6).toarray()
    for row, own in zip(found, weights, strict=True):
        kept = np.sort(own)[::-1][:6]
        assert np.sort(row[row != 0])[::-1] == pytest.approx(kept[kept > 0])
    assert not found[5].any()

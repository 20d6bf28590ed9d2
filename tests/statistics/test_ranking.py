"""Ranking metrics agree with scikit-learn's, with cases done by hand, and with their definitions written as loops."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.metrics import ndcg_score

from loopbook.statistics import ranking


@pytest.fixture(params=[0, 1, 2])
def world(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """Return scores [30, 25] and gains of what was taken; some users took nothing, some much."""
    random = np.random.default_rng(request.param)
    taken = random.integers(1, 4, (30, 25)) * (random.random((30, 25)) < random.random((30, 1)) * 0.6)
    taken[3] = 0
    return random.random((30, 25)), taken.astype(np.float32)


@pytest.mark.parametrize("at", [1, 3, 10, 25])
def test_ndcg_is_that_of_scikit_learn(world: tuple[np.ndarray, np.ndarray], at: int) -> None:
    scores, taken = world
    found = ranking.by_user(np.argsort(-scores, axis=1), csr_array(taken), at)["ndcg"].to_numpy()
    for row in range(30):
        if taken[row].any():
            assert found[row] == pytest.approx(ndcg_score(taken[row : row + 1], scores[row : row + 1], k=at))
        else:
            assert np.isnan(found[row])


@pytest.mark.parametrize("at", [1, 5, 10])
def test_recall_precision_and_rank_are_what_loops_count(world: tuple[np.ndarray, np.ndarray], at: int) -> None:
    scores, taken = world
    lists = np.argsort(-scores, axis=1)[:, :12]
    found = ranking.by_user(lists, csr_array(taken), at)
    for row, shown in enumerate(lists[:, :at]):
        mine = set(np.flatnonzero(taken[row]))
        if not mine:
            assert found.loc[row].isna().all()
            continue
        hits = [item in mine for item in shown]
        precision = [np.mean(hits[: place + 1]) for place in range(len(shown)) if hits[place]]
        assert found["recall"][row] == pytest.approx(sum(hits) / min(at, len(mine)))
        assert found["map"][row] == pytest.approx(sum(precision) / min(at, len(mine)))
        assert found["mrr"][row] == pytest.approx(1 / (hits.index(True) + 1) if any(hits) else 0)


def test_a_list_by_hand_and_its_empty_places() -> None:
    taken = csr_array(np.array([[0, 1, 0, 1, 1], [1, 0, 0, 0, 0]], dtype=np.float32))
    found = ranking.by_user(np.array([[1, 0, 3, -1], [-1, -1, -1, -1]]), taken, 4)
    assert found.loc[0, "ndcg"] == pytest.approx((1 + 1 / 2) / (1 + 1 / np.log2(3) + 1 / 2))
    assert found.loc[0, "map"] == pytest.approx((1 + 2 / 3) / 3)
    assert (found.loc[1] == 0).all()


def test_the_columns_of_one_user_need_not_be_sorted() -> None:
    taken = csr_array((np.array([2.0, 1.0]), np.array([4, 0]), np.array([0, 2])), shape=(1, 5))
    assert ranking.by_user(np.array([[0, 4]]), taken, 2)["ndcg"][0] == pytest.approx(
        (1 + 2 / np.log2(3)) / (2 + 1 / np.log2(3))
    )


def test_intervals_hold_the_value_and_pairs_are_sharper_than_each_by_itself() -> None:
    random = np.random.default_rng(4)
    lists = np.argsort(random.random((200, 40)), axis=1)
    taken = csr_array((random.random((200, 40)) < 0.2).astype(np.float32))
    a = ranking.by_user(lists, taken)
    table = ranking.scores(a)
    assert ((table["low"] < table["value"]) & (table["value"] < table["high"])).all() and (table["users"] == 200).all()
    b = a["ndcg"] * 0.9
    gap = ranking.paired(a["ndcg"], b)
    assert gap.value == pytest.approx(0.1 * a["ndcg"].mean())
    assert gap.low > 0 and gap.high - gap.low < table.loc["ndcg", "high"] - table.loc["ndcg", "low"]


def test_nobody_who_took_something_means_no_figure() -> None:
    each = ranking.by_user(np.array([[0, 1]]), csr_array((1, 3), dtype=np.float32))
    assert ranking.scores(each)["value"].isna().all() and (ranking.scores(each)["users"] == 0).all()
    assert np.isnan(ranking.paired(each["ndcg"], each["ndcg"]).value)


def test_coverage_gini_and_novelty_by_hand() -> None:
    lists = np.array([[0, 1], [0, 2], [0, -1]])
    exposed = ranking.exposure(lists, 4)
    assert exposed.tolist() == [3, 1, 1, 0]
    assert ranking.gini(exposed) == pytest.approx(sum(abs(a - b) for a in exposed for b in exposed) / (2 * 4 * 5))
    assert ranking.gini(np.ones(7)) == pytest.approx(0)
    assert ranking.novelty(np.array([[0], [1]]), np.array([7, 0]), 7) == pytest.approx((0 + 3) / 2)


def test_diversity_is_one_less_the_mean_cosine_of_pairs() -> None:
    vectors = np.array([[2.0, 0], [0, 3.0], [1.0, 1.0]])
    found = ranking.diversity(np.array([[0, 1, 2], [0, 0, -1], [2, -1, -1]]), vectors)
    assert found[0] == pytest.approx(1 - (0 + 2 * np.sqrt(0.5)) / 3)
    assert found[1] == pytest.approx(0) and np.isnan(found[2])


@pytest.mark.parametrize("known", [0, 1, 2, 3])
def test_items_of_which_nothing_is_known_make_no_list_diverse(known: int) -> None:
    vectors = np.array([[2.0, 0], [0, 3.0], [1.0, 1.0], [0, 0], [0, 0]])
    vectors[known:] = 0
    found = ranking.diversity(np.array([[0, 1, 2, 3, 4], [0, 3, 1, 4, 2]]), vectors)
    assert found == pytest.approx({2: 1, 3: 1 - 2 * np.sqrt(0.5) / 3}.get(known, np.nan), nan_ok=True)


def test_popularity_lift_compares_lists_with_histories() -> None:
    history = csr_array(np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0]], dtype=np.float32))
    popularity = np.array([6, 2, 4])
    found = ranking.popularity_lift(np.array([[1, 2], [0, -1], [0, 1]]), history, popularity)
    assert found == pytest.approx(((3 + 6) / 2) / ((6 + 3) / 2) - 1)

"""A mix learns from lists what each ranker counts, whatever the places they stood at."""

from __future__ import annotations

import numpy as np
import pytest

from loopbook.models.ranking import mix, scorers


def lists(seed: int, by_place: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return two scores of 8 candidates in 2,000 lists, of which only the first matters, and what was taken."""
    random = np.random.default_rng(seed)
    each, place = random.normal(size=(16_000, 2)), np.tile(np.arange(1, 9), 2_000)
    utility = 1.5 * each[:, 0] - by_place * np.log(place) + random.gumbel(size=16_000)
    taken = (utility.reshape(-1, 8) == utility.reshape(-1, 8).max(axis=1, keepdims=True)).ravel()
    return each, np.repeat(np.arange(2_000), 8), taken, np.log(place)


@pytest.mark.parametrize("by_place", [0.0, 1.0])
def test_weights_are_those_of_the_choice_and_the_place_is_allowed_for(by_place: float) -> None:
    each, group, taken, place = lists(1, by_place)
    length, cold = np.full(len(each), 19), np.zeros(len(each), dtype=bool)
    found = mix.fit(("good", "noise"), each, group, taken, length, cold, place, penalty=1e-6)
    assert found.weight + found.by_length * (np.log1p(19) / 3 - 1) == pytest.approx([1.5, 0], abs=0.12)


def test_what_stands_first_by_habit_counts_more_where_the_place_is_not_allowed_for() -> None:
    each, group, taken, place = lists(2, 1.0)
    each[:, 1] = -place  # a ranker that only repeats the order shown
    length, cold = np.full(len(each), 19), np.zeros(len(each), dtype=bool)
    blind = mix.fit(("good", "habit"), each, group, taken, length, cold)
    aware = mix.fit(("good", "habit"), each, group, taken, length, cold, place)
    assert blind.weight[1] > 0.8 > aware.weight[1]


def test_a_mix_of_one_is_that_ranker_and_new_items_begin_where_they_were_learned_to() -> None:
    score, cold = np.array([[1.0, -2.0, 0.5]], dtype=np.float32), np.array([False, False, True])
    assert mix.equal(["one"]).scores({"one": score}, np.array([4]), cold).tolist() == score.tolist()
    own = mix.Mix(("one",), np.array([2.0]), np.array([0.0]), np.array([1.0]), start=0.25)
    assert own.scores({"one": score}, np.array([4]), cold)[0] == pytest.approx([2.0, -4.0, 0.25 + 3 * 0.5])


def test_the_rate_does_not_favour_what_is_shown_often() -> None:
    items, taken = np.array([0] * 100 + [1] * 20 + [2] * 100), np.array([1] * 20 + [0] * 80 + [1] * 10 + [0] * 110)
    found = scorers.rate(items, taken, 4, np.ones(220), prior=10).score
    mean = 30 / 220
    share = (10 + 10 * mean) / 30
    assert found[1] == pytest.approx(np.log(share / (1 - share)) - np.log(mean / (1 - mean)), rel=1e-5)
    assert found[3] == pytest.approx(0, abs=1e-6)
    assert found[1] > found[0] > found[3] > found[2]

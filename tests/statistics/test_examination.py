"""Position bias: examination found again from clicks that it made, whatever stood where."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from loopbook.scenario.errors import DataError
from loopbook.statistics import examination


def clicked(seed: int, lists: int, exploring: float, places: int = 6) -> tuple[pd.DataFrame, np.ndarray]:
    """Return rows of lists by popularity, a share of them shuffled, and the true examination."""
    random = np.random.default_rng(seed)
    truth = 1 / np.arange(1, places + 1) ** 0.8
    relevance = np.sort(random.uniform(0.05, 0.6, 20))[::-1]
    order = np.tile(np.arange(20), (lists, 1))
    explored = random.random(lists) < exploring
    order[explored] = random.permuted(order[explored], axis=1)
    item = order[:, :places].ravel()
    place = np.tile(np.arange(1, places + 1), lists)
    click = random.random(len(item)) < truth[place - 1] * relevance[item]
    shown = np.repeat(np.arange(lists), places)
    return pd.DataFrame({"place": place, "click": click.astype(int), "item": item, "shown": shown}), truth


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_examination_is_found_again_where_a_part_of_the_lists_is_explored(seed: int) -> None:
    rows, truth = clicked(seed, 6_000, 0.5)
    found = examination.estimate(rows["place"], rows["click"], rows["item"], rows["shown"])
    assert found["value"].iloc[0] == 1.0
    assert np.abs(found["value"] - truth).max() < 0.12
    inside = (found["low"] <= truth) & (truth <= found["high"])
    assert inside.mean() >= 5 / 6
    assert found["clicks"].sum() == rows["click"].sum()


def test_raw_click_rates_overstate_the_bias_because_better_items_stand_higher() -> None:
    rows, truth = clicked(4, 8_000, 0.3)
    found = examination.estimate(rows["place"], rows["click"], rows["item"], rows["shown"])
    raw = found["rate"] / found["rate"].iloc[0]
    assert abs(raw.iloc[-1] - truth[-1]) > abs(found["value"].iloc[-1] - truth[-1])


def test_without_exploration_or_clicks_it_refuses() -> None:
    rows, _ = clicked(5, 50, 0.0)
    with pytest.raises(DataError, match="explored"):
        examination.estimate(rows["place"], rows["click"], rows["item"], rows["shown"])
    rows, _ = clicked(5, 50, 1.0)
    with pytest.raises(DataError, match="nothing was clicked"):
        examination.estimate(rows["place"], 0 * rows["click"], rows["item"], rows["shown"])


def test_weights_by_the_posterior_make_click_rates_relevances() -> None:
    random = np.random.default_rng(6)
    relevance, theta = 0.4, np.array([1.0, 0.5, 0.2])
    place = np.repeat([0, 1, 2], 40_000)
    click = (random.random(len(place)) < theta[place] * relevance).astype(int)
    weight = examination.posterior(theta[place], relevance, click)
    for at in range(3):
        own = place == at
        assert np.average(click[own], weights=weight[own]) == pytest.approx(relevance, abs=0.02)
    table = pd.DataFrame({"value": theta})
    assert examination.at(table, [1, 3, 9]).tolist() == [1.0, 0.2, 0.2]


@pytest.mark.parametrize(("shown", "clicks"), [([3, 2, 2], [3, 2, 2]), ([4, 3, 1], [0, 3, 0]), ([2, 2, 4], [1, 2, 4])])
def test_clicks_beyond_what_was_looked_at_have_the_p_value_of_counting_all_outcomes(
    shown: list[int], clicks: list[int]
) -> None:
    theta = np.array([1.0, 0.6, 0.3])
    looks = [np.repeat(theta[at:], shown[at:]) for at in range(3)]
    tails = []
    for own, taken in zip(looks, np.cumsum(clicks[::-1])[::-1], strict=True):
        every = np.array(list(product([0, 1], repeat=len(own))))
        chance = np.prod(np.where(every == 1, own, 1 - own), axis=1)
        tails.append(chance[every.sum(axis=1) >= taken].sum())
    assert examination.beyond(shown, clicks, theta) == pytest.approx(min(1, 3 * min(tails)))


def test_no_more_clicks_than_looks_are_beyond_nothing() -> None:
    assert examination.beyond([10, 10], [10, 3], [1.0, 0.4]) == 1.0
    assert examination.beyond([0, 0], [0, 0], [1.0, 0.4]) == 1.0

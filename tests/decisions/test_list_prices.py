"""Prices of items: more of them stand in lists, within the budget, and other users' lists keep to it as well."""

import numpy as np
import pytest

from loopbook.decisions.list_prices import discount, prices

PLACES, ITEMS, USERS = 5, 60, 400


def worths(seed: int) -> np.ndarray:
    """Return what items are worth to users: some are liked by all, users have tastes, a tenth is not allowed."""
    rng = np.random.default_rng(seed)
    axes = rng.normal(size=(ITEMS, 3))
    logit = np.linspace(2, -2, ITEMS) + rng.normal(size=(USERS, 3)) @ axes.T - 2
    worth = 1 / (1 + np.exp(-logit))
    worth[rng.random(worth.shape) < 0.1] = -np.inf
    return worth / worth.max(axis=1, keepdims=True)


def filled(worth: np.ndarray, price: np.ndarray) -> tuple[float, float]:
    """Return the DCG of lists, and which share of the items stands in one: place after place, by hand."""
    total, seen = 0.0, set()
    for row in worth:
        left = row.copy()
        for at in discount(PLACES):
            chosen = int(np.argmax(at * left + price))
            total += at * left[chosen]
            left[chosen] = -np.inf
            seen.add(chosen)
    return total, len(seen) / worth.shape[1]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("budget", [0.01, 0.05])
def test_more_items_stand_in_lists_and_the_budget_is_kept_for_others_too(seed: int, budget: float) -> None:
    worth = worths(seed)
    price, nothing = prices(worth[:300], PLACES, 100, budget), np.zeros(ITEMS)
    assert (price >= 0).all()
    for own, slack in ((worth[:300], 1.0), (worth[300:], 1.5)):
        (plain, before), (kept, after) = filled(own, nothing), filled(own, price)
        assert kept >= (1 - slack * budget) * plain and after >= before
    assert after >= 1.15 * before


def test_a_larger_budget_brings_no_fewer_items() -> None:
    worth = worths(4)
    found = [filled(worth[300:], prices(worth[:300], PLACES, 100, budget))[1] for budget in (0.002, 0.01, 0.05)]
    assert found == sorted(found) and found[-1] > found[0]


def test_what_nobody_may_have_has_no_price_and_one_item_is_no_choice() -> None:
    worth = worths(5)
    worth[:, 7] = -np.inf
    assert prices(worth, PLACES, 100, 0.02)[7] == 0
    assert (prices(worth[:, :1], 1, 100, 0.02) == 0).all()

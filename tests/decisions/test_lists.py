"""Lists as decisions: worth, rules, diversity, prices, exploration, reasons."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.sparse import csr_array

from loopbook.decisions.lists import compose
from loopbook.decisions.shelf import Shelf
from loopbook.scenario.errors import DataError
from loopbook.scenario.lists import ListRule, ListsSettings

ITEMS = pd.DataFrame(
    {
        "item": list("abcdef"),
        "title": ["Anna", "Berta", "Cäsar", "Dora", "Emil", "Fritz"],
        "margin": [1.0, 1.0, 4.0, 1.0, 1.0, 1.0],
        "stock": [3, 0, 2, 1, 5, np.nan],
        "age": [0, 0, 16, 0, 12, 0],
        "kind": ["x", "x", "x", "y", "y", "z"],
    }
)
ALIKE = np.array([[1, 0, 0], [1, 0.1, 0], [1, 0, 0.1], [0, 1, 0], [0, 1, 0.1], [0, 0, 1]])
RELEVANCE = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.1])


def settings(**given: Any) -> ListsSettings:
    return ListsSettings(**{"diversity": 0.0, "exploration": 0.0, **given})


def ordered(chosen: ListsSettings, history: tuple[str, ...] = (), **given: Any) -> str:
    shelf = replace(Shelf.of(ITEMS, chosen, ALIKE), prices=np.array(given.pop("prices", np.zeros(6))))
    return "".join(compose(RELEVANCE, shelf, history, chosen, "toss", **given).items)


def test_without_anything_else_the_list_is_by_relevance_and_taken_items_never_come_again() -> None:
    assert ordered(settings(), places=4) == "abcd"
    assert ordered(settings(places=3), ("a", "gone"), places=4) == "bcd"
    assert ordered(settings(again=True), ("a",), places=4) == "abcd"


def test_worth_is_relevance_times_value_and_a_list_ends_where_nothing_pays() -> None:
    assert ordered(settings(value="margin"), places=6) == "cabdef"
    # 0.5 * 1 - 0.5 * 0.9 > 0 > 0.1 * 1 - 0.9 * 0.9
    assert ordered(settings(cost=0.9), places=6) == "abcde"


@pytest.mark.parametrize(
    ("rule", "user", "left"),
    [
        ({"item": "stock", "below": 1.0}, {}, "acde"),
        ({"item": "age", "above": "age"}, {"age": 13}, "abdef"),
        ({"item": "age", "above": "age"}, {"age": np.nan}, "abdf"),
        ({"item": "age", "above": "age"}, None, "abdf"),
        ({"item": "kind", "among": ["x", "z"]}, {}, "de"),
    ],
)
def test_rules_leave_items_out_and_what_is_unknown_counts_as_the_strictest(
    rule: dict[str, Any], user: dict[str, Any] | None, left: str
) -> None:
    chosen = settings(rules={"told": ListRule(**rule)})
    decision = compose(RELEVANCE, Shelf.of(ITEMS, chosen, ALIKE), (), chosen, "toss", user)
    assert "".join(decision.items) == left
    assert decision.left_out == {"again": 0, "told": 6 - len(left)}


def test_diversity_puts_unlike_items_higher_by_maximal_marginal_relevance() -> None:
    chosen = settings(diversity=0.5)
    decision = compose(RELEVANCE, Shelf.of(ITEMS, chosen, ALIKE), (), chosen, "toss", places=3)
    unit = ALIKE / np.linalg.norm(ALIKE, axis=1, keepdims=True)
    expected: list[int] = []
    for _ in range(3):
        score = 0.5 * RELEVANCE / 0.9 - 0.5 * (unit @ unit[expected].T).max(axis=1, initial=0)
        score[expected] = -9
        expected.append(int(np.argmax(score)))
    assert decision.items == tuple(ITEMS["item"].iloc[expected])
    assert decision.places[0].rules == ()
    assert decision.places[1].rules == ("diversity",)


def test_a_price_brings_an_item_into_the_list_at_the_place_where_it_costs_least() -> None:
    prices = [0, 0, 0, 0, 0, 0.3]  # the last place counts 0.43: 0.43 * 0.1 / 0.9 + 0.3 is more than 0.43 * 0.6 / 0.9
    chosen = settings(ndcg_budget=0.1)
    shelf = replace(Shelf.of(ITEMS, chosen, ALIKE), prices=np.array(prices))
    decision = compose(RELEVANCE, shelf, (), chosen, "toss", places=4)
    assert decision.items == ("a", "b", "c", "f")
    assert [place.rules for place in decision.places] == [(), (), (), ("coverage",)]
    assert ordered(settings(), places=4, prices=prices) == "abcd"  # without a budget nothing is given up
    assert ordered(settings(ndcg_budget=0.1, cost=0.9), places=6, prices=prices) == "abcde"  # nor for a loss


def test_a_pool_that_is_smaller_than_the_list_fills_it_all_the_same() -> None:
    many = pd.DataFrame({"item": [f"i{number:02d}" for number in range(30)]})
    chosen = settings(pool=10)
    made = compose(np.linspace(0.9, 0.1, 30), Shelf.of(many, chosen, np.ones((30, 1))), (), chosen, "toss", places=25)
    assert list(made.items) == many["item"].tolist()[:25]


@given(share=st.floats(0.01, 1.0), places=st.integers(1, 6))
def test_kept_propensities_are_probabilities_that_sum_to_one_over_what_may_stand_there(
    share: float, places: int
) -> None:
    chosen = settings(exploration=share)
    decision = compose(RELEVANCE, Shelf.of(ITEMS, chosen, ALIKE), (), chosen, f"{share}", places=places)
    assert len(set(decision.items)) == places
    for number, place in enumerate(decision.places):
        left = 6 - number
        others = (left - 1) * share / left
        greedy = place.propensity > share / left
        assert place.propensity == pytest.approx(1 - others if greedy else share / left)
        assert place.explored == (place.rules == ("exploration",))


def test_kept_propensities_are_frequencies() -> None:
    chosen = settings(exploration=0.4, diversity=0.3)
    shelf = Shelf.of(ITEMS, chosen, ALIKE)
    lists = [compose(RELEVANCE, shelf, (), chosen, f"user {n}", places=2) for n in range(4_000)]
    first = pd.DataFrame([(*one.items, one.places[0].propensity, one.places[1].propensity) for one in lists])
    assert (first.groupby(0)[2].nunique() == 1).all()
    seen = first[0].value_counts(normalize=True)
    assert (seen - first.groupby(0)[2].first()).abs().max() < 0.03
    under = first[first[0] == "a"]
    assert (under[1].value_counts(normalize=True) - under.groupby(1)[3].first()).abs().max() < 0.03


def test_the_same_toss_gives_the_same_list() -> None:
    chosen = settings(exploration=0.5)
    shelf = Shelf.of(ITEMS, chosen, ALIKE)
    assert compose(RELEVANCE, shelf, (), chosen, "u 1") == compose(RELEVANCE, shelf, (), chosen, "u 1")
    assert len({compose(RELEVANCE, shelf, (), chosen, f"u {n}").items for n in range(20)}) > 5


def test_reasons_name_who_took_both_what_is_alike_what_many_take_and_what_is_tried() -> None:
    chosen = settings(title="title")
    both = csr_array(([0.9, 0.4, 0.2], ([0, 4, 4], [2, 2, 5])), shape=(6, 6))
    shelf = Shelf.of(ITEMS, chosen, ALIKE, np.array([1, 1, 1, 1, 1, 9]), both)
    reasons = {place.item: place.reason for place in compose(RELEVANCE, shelf, ("e", "a"), chosen, "t").places}
    assert reasons["c"] == "Because those who took “Anna” took it too."
    assert reasons["f"] == "Because those who took “Emil” took it too."
    assert reasons["b"] == "Because it is like “Anna”, which you took."
    alone = replace(shelf, together=None)
    reasons = {place.item: place.reason for place in compose(RELEVANCE, alone, ("e", "a"), chosen, "t").places}
    assert reasons["d"] == "Because it is like “Emil”, which you took."
    assert reasons["f"] == "Because many take it at the moment."
    assert compose(RELEVANCE, shelf, (), settings(exploration=1.0), "t").places[0].reason.startswith("Chosen at random")


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(DataError, match=r"no such column\. Did you mean 'stock'"):
        Shelf.of(ITEMS, settings(rules={"r": ListRule(item="stok", below=1.0)}), ALIKE)
    with pytest.raises(DataError, match="holds no numbers"):
        Shelf.of(ITEMS, settings(value="title"), ALIKE)
    with pytest.raises(DataError, match="5 relevances"):
        compose(RELEVANCE[:5], Shelf.of(ITEMS, settings(), ALIKE), (), settings(), "t")
    with pytest.raises(ValidationError, match="one of"):
        ListRule(item="a", above=1.0, below=2.0)

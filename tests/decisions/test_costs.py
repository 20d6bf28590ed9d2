from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from loopbook.decisions import costs
from loopbook.scenario.decisions import Costs, DecisionsSettings
from loopbook.scenario.errors import DataError

amounts = st.floats(0.01, 100)


@st.composite
def matrices(draw: st.DrawFn) -> Costs:
    right = draw(st.floats(-20, 20)), draw(st.floats(-20, 20))
    return Costs(
        true_positive=right[0],
        true_negative=right[1],
        false_negative=right[0] + draw(amounts),
        false_positive=right[1] + draw(amounts),
        review=draw(st.floats(0, 20)),
        review_error=draw(st.floats(0, 0.5)),
    )


def test_threshold_is_elkans_formula() -> None:
    prices = Costs(false_positive=10, true_negative=1, false_negative=40, true_positive=4)
    assert costs.threshold(prices) == pytest.approx((10 - 1) / (10 - 1 + 40 - 4))
    assert costs.threshold(Costs(false_positive=1, false_negative=5)) == pytest.approx(1 / 6)


def test_the_threshold_in_force_is_the_scenarios_else_the_approved_one_else_that_of_the_costs() -> None:
    prices = {"costs": {"false_positive": 1, "false_negative": 3}}
    free, bound = (
        DecisionsSettings.model_validate(prices),
        DecisionsSettings.model_validate({**prices, "threshold": 0.7}),
    )
    assert costs.in_force(free, None) == (0.25, "cheapest expected by the cost matrix")
    assert costs.in_force(free, 0.4) == (0.4, "as approved")
    assert costs.in_force(bound, 0.4) == (0.7, "as the scenario says")


@given(matrices())
def test_at_the_threshold_acting_and_leaving_cost_the_same(prices: Costs) -> None:
    middle = costs.expected(prices, [costs.threshold(prices)])
    assert middle.act[0] == pytest.approx(middle.leave[0], abs=1e-6)


@given(matrices(), st.floats(0, 1), st.floats(0, 5))
def test_a_review_pays_inside_the_band_and_not_outside(prices: Costs, p: float, price: float) -> None:
    low, high = costs.band(prices, price)
    gain = costs.expected(prices, [p]).gain[0] - price
    assert 0 <= low <= high <= 1
    if low < p < high:
        assert gain >= -1e-6
    else:
        assert gain <= 1e-6


def test_band_by_hand() -> None:
    # Leaving costs 5p, acting 1 - p, asking 0.5: cheaper than leaving above 0.1, than acting below 0.5.
    prices = Costs(false_positive=1, false_negative=5, review=0.5, review_error=0)
    assert costs.band(prices) == pytest.approx((0.1, 0.5))
    assert costs.band(prices, price=10) == pytest.approx((1 / 6, 1 / 6))


@given(matrices(), st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0, 1))
def test_the_price_of_capacity_keeps_reviews_within_it(prices: Costs, p: list[float], capacity: float) -> None:
    low, high = costs.band(prices, costs.capacity_price(prices, p, capacity) + 1e-9)
    inside = sum(low < each < high for each in p)
    assert inside <= capacity * len(p) + 1e-6


def test_realised_costs_of_the_four_outcomes_and_of_a_review() -> None:
    prices = Costs(true_positive=-3, false_positive=2, true_negative=1, false_negative=7, review=0.5)
    found = costs.realised(prices, [1, 1, 0, 0, 1], [1, 0, 0, 1, 1], [0, 0, 0, 0, 1])
    assert found.tolist() == [-3, 2, 1, 7, -2.5]


def test_expected_cost_is_the_mean_of_what_is_realised() -> None:
    random = np.random.default_rng(1)
    prices = Costs(true_positive=-3, false_positive=2, true_negative=1, false_negative=7, review=0.5, review_error=0.1)
    label = random.random(200_000) < 0.3
    wrong = random.random(200_000) < 0.1
    expected = costs.expected(prices, [0.3])
    assert costs.realised(prices, np.ones_like(label), label).mean() == pytest.approx(expected.act[0], abs=0.02)
    assert costs.realised(prices, np.zeros_like(label), label).mean() == pytest.approx(expected.leave[0], abs=0.02)
    assert costs.realised(prices, label ^ wrong, label, True).mean() == pytest.approx(expected.review[0], abs=0.02)


@given(matrices(), st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=40))
@example(Costs(false_positive=1, false_negative=1), [(False, 0.0), (True, 5e-324)])
def test_the_cheapest_threshold_is_what_trying_all_of_them_finds(
    prices: Costs, drawn: list[tuple[bool, float]]
) -> None:
    label, p = np.array([row[0] for row in drawn]), np.array([row[1] for row in drawn])
    found = costs.cheapest(label, p, prices)
    tried = [costs.realised(prices, p >= cut, label).mean() for cut in (*p, 0.0, 1.1)]
    assert found.cost == pytest.approx(min(tried), abs=1e-6)
    assert costs.realised(prices, p >= found.value, label).mean() == pytest.approx(found.cost, abs=1e-6)


def test_the_cheapest_threshold_on_calibrated_rows_is_elkans() -> None:
    random = np.random.default_rng(3)
    p = random.random(40_000)
    label = random.random(40_000) < p
    prices = Costs(false_positive=1, false_negative=4)
    found = costs.cheapest(label, p, prices)
    assert abs(found.value - 0.2) < 0.06


def test_no_threshold_of_a_grid_is_cheaper_than_the_cheapest() -> None:
    random = np.random.default_rng(5)
    p = random.random(2_000)
    label = random.random(2_000) < p
    prices = Costs(false_positive=1, false_negative=3)
    spent = [costs.realised(prices, p >= cut, label).mean() for cut in np.linspace(0, 1, 101)]
    assert min(spent) >= costs.cheapest(label, p, prices).cost - 1e-9


@pytest.mark.parametrize(
    "wrong",
    [{"false_positive": 0.0}, {"false_negative": -1.0}, {"true_positive": 5.0}, {"true_negative": 2.0}],
)
def test_costs_under_which_a_mistake_is_no_mistake_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="must cost more than"):
        Costs(**wrong)


def test_no_rows_and_unequal_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="no rows"):
        costs.cheapest([], [], Costs())
    with pytest.raises(DataError, match="2 labels for 1"):
        costs.cheapest([0, 1], [0.5], Costs())


def test_a_line_that_climbs_far_above_the_others_ends_where_it_leaves_the_picture() -> None:
    prices, grid = Costs(false_positive=10, false_negative=1_000, review=2), np.linspace(0, 1, 101)
    lines = costs.drawn(prices, grid, ("clear", "refer", "ask"))
    shown = lines["clear"][1]
    assert np.isnan(shown[-1]) and np.nanmax(shown) <= 1.5 * 22
    assert not np.isnan(lines["refer"][1]).any() and not np.isnan(lines["ask"][1]).any()
    assert lines["refer"][1].tolist() == costs.expected(prices, grid).act.tolist()

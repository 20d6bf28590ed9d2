from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.decisions.conftest import two

from loopbook.decisions import costs, expressions, thresholds
from loopbook.scenario.decisions import Costs, DecisionsSettings
from loopbook.scenario.errors import DataError, ScenarioError
from loopbook.scenario.task import Binary, Multiclass, Number, OneOfMany, Quantity, Task, YesNo

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
    assert two(prices).threshold == pytest.approx((10 - 1) / (10 - 1 + 40 - 4))
    assert two(Costs(false_positive=1, false_negative=5)).threshold == pytest.approx(1 / 6)


def test_the_threshold_in_force_is_the_scenarios_else_the_approved_one_else_that_of_the_costs() -> None:
    prices = {"costs": {"false_positive": 1, "false_negative": 3}}
    free, bound = (
        DecisionsSettings.model_validate(prices),
        DecisionsSettings.model_validate({**prices, "threshold": 0.7}),
    )
    assert thresholds.in_force(free, None, two(free.costs)) == (0.25, "cheapest expected by the cost matrix")
    assert thresholds.in_force(free, 0.4, two(free.costs)) == (0.4, "as approved")
    assert thresholds.in_force(bound, 0.4, two(bound.costs)) == (0.7, "as the scenario says")


@given(matrices())
def test_at_the_threshold_acting_and_leaving_cost_the_same(prices: Costs) -> None:
    leave, act, _ = two(prices).expected([two(prices).threshold])[0]
    assert act == pytest.approx(leave, abs=1e-6)


@given(matrices(), st.floats(0, 1), st.floats(0, 5))
def test_a_review_pays_inside_the_band_and_not_outside(prices: Costs, p: float, price: float) -> None:
    low, high = thresholds.band(two(prices), price)
    gain = two(prices).gain([p])[0] - price
    assert 0 <= low <= high <= 1
    if low < p < high:
        assert gain >= -1e-6
    else:
        assert gain <= 1e-6


def test_band_by_hand() -> None:
    # Leaving costs 5p, acting 1 - p, asking 0.5: cheaper than leaving above 0.1, than acting below 0.5.
    prices = Costs(false_positive=1, false_negative=5, review=0.5, review_error=0)
    assert thresholds.band(two(prices)) == pytest.approx((0.1, 0.5))
    assert thresholds.band(two(prices), price=10) == pytest.approx((1 / 6, 1 / 6))


@given(matrices(), st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0, 1))
def test_the_price_of_capacity_keeps_reviews_within_it(prices: Costs, p: list[float], capacity: float) -> None:
    low, high = thresholds.band(two(prices), costs.capacity_price(two(prices), p, capacity) + 1e-9)
    inside = sum(low < each < high for each in p)
    assert inside <= capacity * len(p) + 1e-6


def test_realised_costs_of_the_four_outcomes_and_of_a_review() -> None:
    prices = Costs(true_positive=-3, false_positive=2, true_negative=1, false_negative=7, review=0.5)
    found = two(prices).realised([1, 1, 0, 0, 1], [1, 0, 0, 1, 1], [0, 0, 0, 0, 1])
    assert found.tolist() == [-3, 2, 1, 7, -2.5]


def test_expected_cost_is_the_mean_of_what_is_realised() -> None:
    random = np.random.default_rng(1)
    prices = Costs(true_positive=-3, false_positive=2, true_negative=1, false_negative=7, review=0.5, review_error=0.1)
    label = random.random(200_000) < 0.3
    wrong = random.random(200_000) < 0.1
    leave, act, review = two(prices).expected([0.3])[0]
    assert two(prices).realised(np.ones_like(label), label).mean() == pytest.approx(act, abs=0.02)
    assert two(prices).realised(np.zeros_like(label), label).mean() == pytest.approx(leave, abs=0.02)
    assert two(prices).realised(label ^ wrong, label, True).mean() == pytest.approx(review, abs=0.02)


@given(matrices(), st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=40))
@example(Costs(false_positive=1, false_negative=1), [(False, 0.0), (True, 5e-324)])
def test_the_cheapest_threshold_is_what_trying_all_of_them_finds(
    prices: Costs, drawn: list[tuple[bool, float]]
) -> None:
    label, p = np.array([row[0] for row in drawn]), np.array([row[1] for row in drawn])
    found = thresholds.cheapest(label, p, two(prices))
    tried = [two(prices).realised(p >= cut, label).mean() for cut in (*p, 0.0, 1.1)]
    assert found.cost == pytest.approx(min(tried), abs=1e-6)
    assert two(prices).realised(p >= found.value, label).mean() == pytest.approx(found.cost, abs=1e-6)


def test_the_cheapest_threshold_on_calibrated_rows_is_elkans() -> None:
    random = np.random.default_rng(3)
    p = random.random(40_000)
    label = random.random(40_000) < p
    prices = Costs(false_positive=1, false_negative=4)
    found = thresholds.cheapest(label, p, two(prices))
    assert abs(found.value - 0.2) < 0.06


def test_no_threshold_of_a_grid_is_cheaper_than_the_cheapest() -> None:
    random = np.random.default_rng(5)
    p = random.random(2_000)
    label = random.random(2_000) < p
    prices = Costs(false_positive=1, false_negative=3)
    spent = [two(prices).realised(p >= cut, label).mean() for cut in np.linspace(0, 1, 101)]
    assert min(spent) >= thresholds.cheapest(label, p, two(prices)).cost - 1e-9


@pytest.mark.parametrize(
    "wrong",
    [{"false_positive": 0.0}, {"false_negative": -1.0}, {"true_positive": 5.0}, {"true_negative": 2.0}],
)
def test_costs_under_which_a_mistake_is_no_mistake_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="must cost more than"):
        Costs(**wrong)


def test_no_rows_and_unequal_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="no rows"):
        thresholds.cheapest([], [], two(Costs()))
    with pytest.raises(DataError, match="2 labels for 1"):
        thresholds.cheapest([0, 1], [0.5], two(Costs()))


def test_a_line_that_climbs_far_above_the_others_ends_where_it_leaves_the_picture() -> None:
    prices, grid = Costs(false_positive=10, false_negative=1_000, review=2), np.linspace(0, 1, 101)
    lines = thresholds.drawn(two(prices), grid, ("clear", "refer", "ask"))
    shown = lines["clear"][1]
    assert np.isnan(shown[-1]) and np.nanmax(shown) <= 1.5 * 22
    assert not np.isnan(lines["refer"][1]).any() and not np.isnan(lines["ask"][1]).any()
    assert lines["refer"][1].tolist() == two(prices).expected(grid)[:, 1].tolist()


def by_enumeration(cost: np.ndarray, p: np.ndarray, review: float, error: float) -> list[float]:
    """Return what each action costs, and last asking, by going through every truth and everything a person may say."""
    actions, classes = cost.shape
    found = [sum(p[truth] * cost[action, truth] for truth in range(classes)) for action in range(actions)]
    asked = review
    for truth in range(classes):
        for named in range(classes):
            chance = 1 - error if named == truth else error / (classes - 1)
            done = min(range(actions), key=lambda action: cost[action, named])
            asked += p[truth] * chance * cost[done, truth]
    return [*found, asked]


def test_the_policy_is_the_least_expected_cost_of_a_thousand_random_matrices_by_enumeration() -> None:
    random, asks = np.random.default_rng(11), 0
    for _ in range(1_000):
        classes, actions = random.integers(2, 9, 2)
        cost = random.normal(0, 10, (actions, classes))
        review, error = random.exponential(2), random.uniform(0, 0.5)
        names = tuple(f"c{at}" for at in range(classes)), tuple(f"a{at}" for at in range(actions))
        prices = Costs(
            matrix={
                name: dict(zip(names[0], row, strict=True)) for name, row in zip(names[1], cost.tolist(), strict=True)
            },
            review=review,
            review_error=error,
        )
        table = costs.CostMatrix(names[1], names[0], costs.matrix(prices, names[1], names[0]), review, error)
        p = random.dirichlet(np.full(classes, random.choice([0.1, 1, 10])))
        brute = by_enumeration(cost, p, review, error)
        assert table.expected(p[None])[0] == pytest.approx(brute, abs=1e-9)
        assert table.expected(p[None])[0].argmin() == np.argmin(brute)
        asks += np.argmin(brute) == actions
    assert 100 < asks < 900  # both happen: that a person is cheapest, and that none is


def test_what_asking_is_expected_to_cost_is_the_mean_of_what_people_do() -> None:
    random = np.random.default_rng(2)
    for classes, actions in ((2, 2), (4, 3), (7, 7)):
        cost, p, error = random.normal(0, 5, (actions, classes)), random.dirichlet(np.ones(classes)), 0.3
        names = tuple(f"c{at}" for at in range(classes))
        table = costs.CostMatrix(tuple(f"a{at}" for at in range(actions)), names, cost, 1.5, error)
        truth = random.choice(classes, 300_000, p=p)
        done = table.answered(truth, random.random(len(truth)) < error, random.random(len(truth)))
        spent = table.realised(done, truth, True)
        assert spent.mean() == pytest.approx(table.expected(p[None])[0, -1], abs=5 * spent.std() / len(truth) ** 0.5)


@given(matrices(), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_threshold_and_band_of_two_classes_are_where_the_general_form_changes_its_mind(
    prices: Costs, p: list[float]
) -> None:
    table, (low, high), edge = two(prices), thresholds.band(two(prices)), two(prices).threshold
    for each, cost in zip(p, table.expected(p), strict=True):
        if abs(each - edge) > 1e-6:
            assert cost[:2].argmin() == (each > edge)
        if min(abs(each - low), abs(each - high)) > 1e-6:
            assert (cost.argmin() == 2) == (low < each < high)


def multiclass(*values: str, actions: tuple[str, ...] = (), other: str | None = None) -> Multiclass:
    label = OneOfMany(column="y", values={value: value for value in values}, other=other)
    return Multiclass(type="multiclass", fields={"x": "number"}, label=label, actions=actions)


NUMBER = Number(
    type="number", fields={"x": "number"}, label=Quantity(column="y", limits=(30,)), actions=("queue", "escalate")
)
YES = Binary(fields={"x": "number"}, label=YesNo(column="y", positive=("y",)))
THREE = multiclass("bad", "good", "so-so", actions=("ignore", "answer", "escalate"), other="so-so")
PRICED = {
    "ignore": {"bad": 9, "others": 0},
    "answer": {"bad": 3, "others": 1},
    "escalate": {"bad": 1, "good": 6, "others": 4},
}


def test_a_matrix_by_name_has_others_for_what_is_not_named_and_for_what_nobody_has_seen() -> None:
    found = costs.of(Costs(matrix=PRICED), THREE, ("bad", "good", "so-so", "new"))
    assert found.cost.tolist() == [[9, 0, 0, 0], [3, 1, 1, 1], [1, 6, 4, 4]]
    assert found.best.tolist() == [2, 0, 0, 0]
    assert found.should([0, 3]).tolist() == [2, 0]


def test_one_action_a_class_costs_right_and_wrong_and_a_class_never_seen_is_wrong_for_every_other() -> None:
    task = multiclass("a", "b", "c")
    assert costs.of(Costs(), task).cost.tolist() == [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
    found = costs.of(Costs(right=-1, wrong=4), task, ("a", "b", "c", "new"))
    assert found.actions[-1] == "new" and found.cost[:, 3].tolist() == [4, 4, 4, -1]
    fixed = costs.of(Costs(wrong=4), multiclass("a", "b", actions=("ring", "write")), ("a", "b", "new"))
    assert fixed.cost.tolist() == [[0, 4, 4], [4, 0, 4]]


def test_the_four_outcomes_are_a_short_form_of_the_matrix_of_two_classes() -> None:
    prices = Costs(true_positive=-3, false_positive=2, true_negative=1, false_negative=7)
    long = Costs(matrix={"ignore": {"no": 1, "yes": 7}, "alert": {"no": 2, "yes": -3}})
    assert costs.of(prices, YES).cost.tolist() == costs.of(long, YES).cost.tolist() == [[1, 7], [2, -3]]
    assert costs.of(long, YES).threshold == two(prices).threshold
    assert costs.of(Costs(), NUMBER).two  # two bands around one limit


def test_costs_as_functions_of_a_number_are_expected_over_its_distribution() -> None:
    late = {"queue": "2 * (value > 30) * (value - 30)", "escalate": "5"}
    found = costs.of(Costs(function=late, review=0.5, review_error=0.01), NUMBER)
    said = np.array([np.linspace(0, 20, 99), np.linspace(20, 60, 99), np.full(99, 31.0)])
    by_hand = [np.mean([2 * max(0.0, value - 30) for value in row]) for row in said]
    asked = [
        0.5 + np.mean([0.99 * min(a := 2 * max(0.0, value - 30), 5) + 0.01 * max(a, 5) for value in row])
        for row in said
    ]
    assert found.expected(said) == pytest.approx(np.column_stack([by_hand, [5] * 3, asked]))
    assert found.expected(said).argmin(axis=1).tolist() == [0, 2, 0]
    assert found.realised([0, 1, 0], [40.0, 10.0, 30.0], [False, True, False]).tolist() == [20, 5.5, 0]
    assert found.should([32.0, 33.0]).tolist() == [0, 1]
    assert found.answered([10.0, 10.0], [False, True], [0.3, 0.3]).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("given_", "task", "message"),
    [
        ({"matrix": {"ignore": {"others": 1}}}, THREE, "what the action 'answer' costs"),
        ({"matrix": {**PRICED, "ignroe": {"others": 1}}}, THREE, "no action 'ignroe'.*ignore"),
        ({"matrix": {**PRICED, "ignore": {"bda": 1, "others": 0}}}, THREE, "no class 'bda'.*bad"),
        ({"matrix": {**PRICED, "ignore": {"bad": 1, "good": 0}}}, THREE, "for 'so-so', or for 'others'"),
        ({"matrix": {"a": {"a": 0, "b": 1}, "b": {"a": 1, "b": 0}}}, multiclass("a", "b"), "for 'others'"),
        ({"matrix": {**PRICED, "answer": {"others": -9}}}, THREE, "'answer' is cheapest whatever the class"),
        ({"matrix": {"ignore": {"no": 2, "yes": 0}, "alert": {"no": 0, "yes": 2}}}, YES, "order of the classes"),
        ({"matrix": {"ignore": {"no": 0, "yes": 0}, "alert": {"no": 0, "yes": 2}}}, YES, "whatever the class"),
        ({"false_positive": 3}, multiclass("a", "b", "c"), "for two actions and two classes"),
        ({}, multiclass("a", "b", "c", actions=("x", "y")), "2 actions, not one a class"),
        ({"function": {"ignore": "1", "alert": "2"}}, YES, "is for a number"),
        ({"function": {"queue": "value"}}, NUMBER, "what the action 'escalate' costs"),
        ({"function": {"queue": "value", "escalate": "1", "wait": "2"}}, NUMBER, "no action 'wait'"),
        ({"function": {"queue": "velue", "escalate": "1"}}, NUMBER, "nothing is called 'velue'.*value"),
        ({"function": {"queue": "value / (value - 30)", "escalate": "1"}}, NUMBER, "no finite cost for the value 30"),
        ({"function": {"queue": "value +", "escalate": "1"}}, NUMBER, "no whole expression"),
        ({"function": {"queue": "value > ()", "escalate": "1"}}, NUMBER, "between two brackets"),
        ({"function": {"queue": "value ** 9", "escalate": "1"}}, NUMBER, "powers are not offered"),
        ({"function": {"queue": "__import__('os')", "escalate": "1"}}, NUMBER, "no functions"),
        ({"function": {"queue": "value == 'x'", "escalate": "1"}}, NUMBER, "no part of a cost"),
    ],
)
def test_costs_that_do_not_fit_are_refused_with_what_to_change(
    given_: dict[str, object], task: Task, message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        costs.of(Costs.model_validate(given_), task)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"right": 2}, "wrong .1. must cost more than right .2."),
        ({"right": 0, "matrix": {"a": {"others": 1}}}, "not several"),
        ({"function": {"a": "1"}, "matrix": {"a": {"others": 1}}}, "not several"),
    ],
)
def test_forms_that_contradict_each_other_are_refused(given_: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Costs.model_validate(given_)


def test_expressions_count_conditions_as_one_and_zero() -> None:
    for text, wanted in {
        "3": [3, 3, 3],
        "-value / 2": [-5, -10, -15],
        "(10 < value < 30) * 4": [0, 4, 0],
        "(value > 10 and not value >= 30 or value == 10) + 1.5": [2.5, 2.5, 1.5],
        "true * value": [10, 20, 30],
    }.items():
        assert expressions.read(text, "here")([10, 20, 30]).tolist() == wanted, text

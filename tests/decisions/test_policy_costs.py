from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st
from tests.decisions.conftest import rows, two

from loopbook.decisions import policy_choice, policy_costs
from loopbook.decisions.building import Plan, build
from loopbook.decisions.policies import Review, Threshold
from loopbook.decisions.replay import granted, in_time_order, replay, simulated_verdicts
from loopbook.scenario.decisions import Costs, DecisionsSettings, Rule
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Task
from loopbook.statistics.intervals import Interval

ACTIONS = ("ignore", "alert")


def by_hand(acted: bool, label: int, reviewed: bool, prices: Costs) -> float:
    """Return the cost of one decision, written out anew."""
    if acted:
        cost = prices.true_positive if label else prices.false_positive
    else:
        cost = prices.false_negative if label else prices.true_negative
    return cost + (prices.review if reviewed else 0.0)


def test_each_policys_cost_is_what_counting_row_by_row_gives(task: Task, settings: DecisionsSettings) -> None:
    learned, stream = rows(600), rows(80, seed=7)
    rule = Rule(when="mean_size_missing", action="review")
    plan = Plan.of(task, settings, {"unsized": rule.model_dump()})
    built = build(plan, learned, learned["p"])
    table = policy_costs.judge(built, stream, stream["p"], plan, resamples=50).table("threshold")
    verdicts = simulated_verdicts(stream, plan)
    for name, policy in built.items():
        total, asked = 0.0, 0
        for seen, (_, row) in enumerate(stream.sort_values(["time", "row_id"]).iterrows(), start=1):
            proposed = policy.propose(stream.loc[[row.name]], [row["p"]]).iloc[0]
            reviewed = bool(proposed["review"]) and (asked + 1) / seen <= settings.review_capacity + 1e-12
            asked += reviewed
            acted = verdicts[row["row_id"]] if reviewed else bool(proposed["action"])
            total += by_hand(acted, row["label"], reviewed, settings.costs)
        assert table.loc[name, "cost"] == pytest.approx(total / len(stream)), name
        assert table.loc[name, "reviews"] == asked


@budget(max_examples=60, deadline=None)
@given(st.data())
def test_free_and_perfect_reviews_never_cost_more(task: Task, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 40))
    frame = rows(40, seed=data.draw(st.integers(0, 50))).head(count)
    p = np.array(data.draw(st.lists(st.floats(0, 1), min_size=count, max_size=count)))
    cut = data.draw(st.floats(0, 1))
    low, high = sorted((data.draw(st.floats(0, 1)), data.draw(st.floats(0, 1))))
    prices = Costs(false_positive=data.draw(st.floats(0.1, 9)), false_negative=3, review=0, review_error=0)
    plan = Plan.of(task, DecisionsSettings(costs=prices, review_capacity=data.draw(st.floats(0, 1))))
    single = replay(Threshold(actions=ACTIONS, threshold=cut, origin="x"), frame, p, plan)
    three = replay(Review(actions=ACTIONS, threshold=cut, low=low, high=high, origin="x"), frame, p, plan)
    assert (three.cost <= single.cost + 1e-12).all()


@given(st.lists(st.booleans(), max_size=300), st.floats(0, 1))
def test_reviews_keep_within_capacity_at_every_moment(wanted: list[bool], capacity: float) -> None:
    given_ = granted(wanted, capacity)
    counts = np.cumsum(given_)
    assert (counts <= capacity * np.arange(1, len(wanted) + 1) + 1e-6).all()
    assert not (given_ & ~np.array(wanted, dtype=bool)).any()


def test_full_capacity_grants_every_wish() -> None:
    assert granted([True, False, True], 1.0).tolist() == [True, False, True]
    assert granted([True] * 10, 0.2).sum() == 2


def test_a_simulated_reviewer_is_wrong_as_often_as_said_and_always_about_the_same_rows(task: Task) -> None:
    frame = rows(20_000)

    def said(frame: pd.DataFrame, error: float, seed: int = 0) -> dict[str, int]:
        plan = Plan.of(task, DecisionsSettings(costs=Costs(review_error=error)))
        return dict(simulated_verdicts(frame, plan, seed))

    first = said(frame, 0.1)
    assert first == said(frame.sample(frac=1, random_state=1), 0.1)
    wrong = np.mean([first[row] != label for row, label in zip(frame["row_id"], frame["label"], strict=True)])
    assert wrong == pytest.approx(0.1, abs=0.01)
    assert first != said(frame, 0.1, seed=1)
    perfect = said(frame, 0.0)
    assert all(perfect[row] == label for row, label in zip(frame["row_id"], frame["label"], strict=True))
    with pytest.raises(DataError, match="label"):
        said(frame.drop(columns="label"), 0.1)


def test_asking_pays_on_rows_with_true_probabilities(task: Task, settings: DecisionsSettings) -> None:
    learned, stream = rows(2_000, seed=1), rows(4_000, seed=2)
    plan = Plan.of(task, settings)
    judged = policy_costs.judge(build(plan, learned, learned["p"]), stream, stream["p"], plan, resamples=200)
    table = judged.table("threshold")
    assert table.loc["review", "difference_high"] < 0
    assert table.loc["review", "review_share"] <= settings.review_capacity
    assert table.loc["threshold", ["difference", "difference_low", "difference_high"]].tolist() == [0, 0, 0]
    assert table.loc["threshold", "ratio"] == 1
    assert (table["low"] <= table["cost"]).all() and (table["cost"] <= table["high"]).all()
    leave, act, _ = two(settings.costs).expected(stream["p"]).mean(axis=0)
    assert table.loc["never", "cost"] == pytest.approx(leave, abs=0.1)
    assert table.loc["always", "cost"] == pytest.approx(act, abs=0.1)


def test_no_threshold_beats_hindsight(plan: Plan, frame: pd.DataFrame) -> None:
    table = policy_costs.judge(build(plan, frame, frame["p"]), frame, frame["p"], plan).table("threshold")
    bound = policy_costs.hindsight(frame["label"], frame["p"], plan.prices)["hindsight_cost"]
    assert (table.loc[["never", "always", "fixed", "threshold", "tuned"], "cost"] >= bound - 1e-9).all()
    assert table.loc["tuned", "cost"] == pytest.approx(bound)


def test_saving_is_the_difference_to_the_cheapest_trivial_policy(frame: pd.DataFrame, plan: Plan) -> None:
    made = {
        "a": Threshold(actions=ACTIONS, threshold=0.2, origin="x"),
        "b": Threshold(actions=ACTIONS, threshold=0.8, origin="x"),
    }
    trivial = {"b": replay(made["b"], frame, frame["p"], plan)}
    judged = policy_costs.judge(made, frame, frame["p"], plan, trivial, resamples=300)
    row, (saved, over) = judged.table("b").loc["a"], judged.saving("a")
    assert over == "b"
    assert saved == pytest.approx((-row["difference"], -row["difference_high"], -row["difference_low"]))
    with pytest.raises(DataError, match="no policy 'c'"):
        judged.table("c")


def test_grouped_intervals_are_as_wide_as_those_of_the_groups_alone(plan: Plan) -> None:
    frame = rows(60, seed=4).assign(group=[f"g{at}" for at in range(60)])
    repeated = pd.concat([frame.assign(row_id=frame["row_id"] + str(at)) for at in range(20)], ignore_index=True)
    made = {"a": Threshold(actions=ACTIONS, threshold=0.3, origin="x")}
    one = policy_costs.judge(made, frame, frame["p"], plan, seed=3).table("a")
    many = policy_costs.judge(made, repeated, repeated["p"], plan, seed=3).table("a")
    assert many.loc["a", ["low", "high"]].tolist() == pytest.approx(one.loc["a", ["low", "high"]].tolist())


def test_cross_validation_judges_each_row_once_and_without_its_group(
    task: Task, frame: pd.DataFrame, settings: DecisionsSettings
) -> None:
    plan = Plan.of(task, settings)
    judged = policy_choice.cross_validated(plan, frame, frame["p"], resamples=50)
    assert all(len(outcome.cost) == len(frame) for outcome in judged.outcomes.values())
    fixed = Threshold(actions=ACTIONS, threshold=0.5, origin="x").propose(frame, frame["p"])["action"]
    assert (judged.outcomes["fixed"].action == fixed.to_numpy()).all()
    shuffled = frame.sample(frac=1, random_state=5)
    again = policy_choice.cross_validated(plan, shuffled, shuffled["p"], resamples=50)
    assert again.table("fixed")["cost"].tolist() == pytest.approx(judged.table("fixed")["cost"].tolist())
    few = frame.assign(group=frame["group"].str[-1].map({"1": "a", "2": "b"}).fillna("c"))
    judged = policy_choice.cross_validated(plan, few, few["p"], resamples=50)
    assert all(len(outcome.cost) == len(frame) for outcome in judged.outcomes.values())
    with pytest.raises(DataError, match="of one group"):
        policy_choice.cross_validated(plan, frame.assign(group="one"), frame["p"])


def test_the_choice_is_the_cheapest_eligible_policy(
    task: Task, frame: pd.DataFrame, settings: DecisionsSettings
) -> None:
    plan = Plan.of(task, settings)
    judged = policy_choice.cross_validated(plan, frame, frame["p"], resamples=50)
    choice = policy_choice.choose(plan, judged)
    cost = judged.table("fixed")["cost"]
    assert choice.policy == cost.idxmin()
    assert choice.single == cost[["fixed", "threshold", "tuned"]].idxmin()
    named = Plan.of(task, settings.model_copy(update={"policy": "tree"}))
    assert policy_choice.choose(named, judged).policy == "tree"


def test_order_is_that_of_time_and_unknown_for_rows_partly_dated(frame: pd.DataFrame) -> None:
    order = in_time_order(frame)
    assert frame["time"].iloc[order].is_monotonic_increasing
    assert in_time_order(frame.assign(time=pd.NaT)).tolist() == list(range(len(frame)))
    partly = frame.assign(time=frame["time"].where(frame.index > 3))
    with pytest.raises(DataError, match="4 of 600 rows have no time"):
        in_time_order(partly)


def test_nothing_to_compare_is_an_error(frame: pd.DataFrame, plan: Plan) -> None:
    with pytest.raises(DataError, match="nothing to compare"):
        policy_costs.judge({}, frame, frame["p"], plan)


def test_the_band_follows_probabilities_that_are_off(task: Task, settings: DecisionsSettings) -> None:
    frame = rows(6_000, seed=11)
    logit = np.log(frame["p"] / (1 - frame["p"]))
    stated = 1 / (1 + np.exp(-(logit * 3 - 1)))
    right = build(Plan.of(task, settings), frame, frame["p"])["review"]
    off = build(Plan.of(task, settings), frame, stated)["review"]
    same = right.propose(frame, frame["p"])["review"] == off.propose(frame, stated)["review"]
    assert same.mean() > 0.97


def test_what_is_far_dearer_than_the_middle_is_not_drawn() -> None:
    table = pd.DataFrame({"cost": [1.0, 2.0, 3.0, 900.0]}, index=["a", "b", "c", "never"])
    assert list(policy_costs.drawable(table).index) == ["a", "b", "c"]
    assert len(policy_costs.drawable(table.assign(cost=[-9.0, -8.0, -7.0, 1.0]))) == 3


def test_the_sentence_says_what_is_saved_and_warns_of_rows_that_were_lived_through() -> None:
    choice = policy_choice.Choice("review", "tuned")
    saving = Interval(1.5, 1.0, 2.0), "always yes"
    said = policy_choice.sentence(choice, saving, (Interval(0.4, 0.2, 0.6), "tuned", 0.8), "EUR", False)
    assert said == (
        "Validation chose **review**. Against “always yes”, the cheapest here without a model, it saves "
        "1.50 EUR a decision (1.00 to 2.00). Asking a person when in doubt costs 0.80 of “tuned”, the cheapest here "
        "without that: it saves 0.40 EUR a decision (0.20 to 0.60), so it is worth it."
    )
    nobody = policy_choice.sentence(choice, saving, None, "EUR", False)
    assert said.startswith(nobody) and "person" not in nobody
    chance = Interval(0.4, -0.1, 0.6), "tuned", 0.8
    stale = policy_choice.sentence(choice, saving, chance, "EUR", True, fresh=False)
    assert stale.startswith("**These rows are not fresh**") and "The scenario asks for **review**" in stale
    assert stale.endswith("so it saves nothing beyond chance.")
    unknown = Interval(0.4, np.nan, np.nan)
    few = policy_choice.sentence(choice, (unknown, "always yes"), (unknown, "tuned", 0.8), "EUR", False)
    assert few.count("0.40 EUR a decision (too few groups for an interval)") == 2
    assert few.endswith("so it saves nothing beyond chance.") and "nan" not in few
    free = policy_choice.sentence(choice, saving, (Interval(0.0, 0.0, 0.0), "tuned", np.nan), "EUR", False)
    assert "when in doubt is held against “tuned”, the cheapest here" in free and "nan" not in free
    dearer = Interval(-0.4, -0.6, -0.1), "ask, else always no", 1.2
    said = policy_choice.sentence(choice, (Interval(-0.3, -0.5, 0.1), "always yes"), dearer, "EUR", False)
    assert "without a model, it costs 0.30 EUR a decision more (-0.10 to 0.50)." in said
    assert said.endswith("it costs 0.40 EUR a decision more (0.10 to 0.60), so it is dearer.")


@pytest.mark.parametrize("seed", range(3))
def test_who_knows_nothing_gains_nothing_by_asking_people_who_do(
    task: Task, settings: DecisionsSettings, seed: int
) -> None:
    learned, stream = rows(1_000, seed=seed), rows(1_000, seed=seed + 10)
    plan = Plan.of(task, settings)
    for p, pays in ((np.random.default_rng(seed).uniform(size=1_000), False), (stream["p"].to_numpy(), True)):
        known = np.random.default_rng(seed + 1).permutation(p) if not pays else learned["p"]
        trivial = policy_costs.trivial(learned, learned, stream, plan, ())
        judged = policy_costs.judge(build(plan, learned, known), stream, p, plan, trivial, resamples=200)
        (saved, low, _), over, ratio = judged.asking("tuned")
        assert (low > 0) == pays, (saved, over)
        assert ratio == pytest.approx(1 - saved / {**judged.outcomes, **trivial}[over].cost.mean())

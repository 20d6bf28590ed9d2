"""Users are believed as far as they deserve, malicious ones are found and left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta
from tests.feedback.conftest import TOPICS, estimated_log, known, sorted_log

from loopbook.feedback import corrections, dawid_skene, feedback_page, rater_bias, trust, users
from loopbook.figures.sentence import Sentence
from loopbook.scenario.contract import Scenario
from loopbook.scenario.feedback import FeedbackSettings


def said(*answers: tuple[str, str, int | None]) -> pd.DataFrame:
    return corrections.table([{"row_id": row, "user": user, "label": label} for row, user, label in answers])


def test_malicious_users_are_found_and_nobody_else(
    decisions: pd.DataFrame, truth: dict[str, int], scenario: Scenario
) -> None:
    chosen = FeedbackSettings(answer_rate=0.6, users=20, malicious_rate=0.15)
    answers = users.simulate(decisions, truth, scenario, chosen)
    known = {row: label for row, label in truth.items() if row < "r01000"}
    found = trust.judge(answers, known)
    assert set(found.malicious) == users.malicious(chosen)
    accepted = found.labels[found.labels["accepted"]]
    right = accepted["label"] == accepted["row_id"].map(truth)
    assert len(accepted) > 0.7 * len(found.labels)
    assert right.mean() > 0.98


def test_without_outcomes_the_honest_majority_shows_who_lies(
    decisions: pd.DataFrame, truth: dict[str, int], scenario: Scenario
) -> None:
    chosen = FeedbackSettings(answer_rate=1, users=20, malicious_rate=0.15)
    found = trust.judge(users.simulate(decisions, truth, scenario, chosen), {})
    assert set(found.malicious) == users.malicious(chosen)


def test_reliability_is_the_posterior_of_what_was_checked() -> None:
    answers = said(*[(f"r{at}", "ann", 1 if at < 9 else 0) for at in range(10)])
    found = trust.judge(answers, {f"r{at}": 1 for at in range(10)}).users.iloc[0]
    assert found["checked"] == 10
    agreed = found["agreed"]
    assert agreed == pytest.approx(9, abs=0.5)  # nine times with the outcome, which is itself a witness of 98%
    assert found["reliability"] == pytest.approx((2 + agreed) / 13)
    assert found["low"] == pytest.approx(beta.ppf(0.025, 2 + agreed, 1 + 10 - agreed))
    assert found["verdict"] == "trusted"


def test_what_nobody_can_check_proves_nobody() -> None:
    found = trust.judge(said(*[(f"r{at}", "ann", 1) for at in range(50)]), {})
    assert found.users["checked"].tolist() == [0]
    assert found.users["verdict"].tolist() == ["unproven"]
    assert not found.labels["accepted"].any()


def test_a_conflict_goes_to_whom_one_can_trust() -> None:
    rows = [f"r{at}" for at in range(30)]
    proven = [(row, "ann", at % 2) for at, row in enumerate(rows)]
    careless = [(row, "bob", (at // 2) % 2) for at, row in enumerate(rows)]  # right half of the time
    answers = said(*proven, *careless, ("new", "ann", 1), ("new", "bob", 0))
    found = trust.judge(answers, {row: at % 2 for at, row in enumerate(rows)})
    new = found.labels.set_index("row_id").loc["new"]
    assert new["label"] == 1
    assert new["conflict"]
    assert new["accepted"]
    assert new["against"] == 1
    assert found.users.set_index("user")["verdict"].to_dict() == {"ann": "trusted", "bob": "unproven"}


def test_who_always_lies_is_left_out_and_not_turned_round() -> None:
    rows = [f"r{at}" for at in range(40)]
    answers = said(*[(row, "eve", 1 - at % 2) for at, row in enumerate(rows)], ("new", "eve", 1))
    found = trust.judge(answers, {row: at % 2 for at, row in enumerate(rows)})
    assert found.malicious == ("eve",)
    new = found.labels.set_index("row_id").loc["new"]
    assert new["votes"] == 0
    assert not new["accepted"]
    assert new["confidence"] == pytest.approx(0.5, abs=0.05)


def test_proven_users_together_can_overrule_an_outcome() -> None:
    rows = [f"r{at}" for at in range(40)]
    names = ("ann", "bob", "cyd")
    answers = said(*[(row, user, at % 2) for at, row in enumerate(rows) for user in names])
    outcomes = {row: at % 2 for at, row in enumerate(rows)} | {"r1": 0}
    found = trust.judge(answers, outcomes).labels.set_index("row_id").loc["r1"]
    assert (found["label"], found["outcome"], found["conflict"], found["accepted"]) == (1, 0, True, True)


def test_there_may_be_nothing_to_judge() -> None:
    found = trust.judge(corrections.table([]), {})
    assert found.users.empty
    assert found.labels.empty
    assert found.malicious == ()


def test_answers_without_a_label_say_nothing_here() -> None:
    assert trust.judge(said(("r1", "ann", None)), {"r1": 1}).users.empty


@settings(max_examples=40, deadline=None)
@given(
    answers=st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 4), st.integers(0, 1)), unique_by=lambda one: one[:2], max_size=40
    ),
    known=st.dictionaries(st.integers(0, 8), st.integers(0, 1)),
)
def test_swapping_yes_and_no_swaps_the_labels_and_changes_no_trust(
    answers: list[tuple[int, int, int]], known: dict[int, int]
) -> None:
    one = trust.judge(said(*[(f"r{r}", f"u{u}", y) for r, u, y in answers]), {f"r{r}": y for r, y in known.items()})
    other = trust.judge(
        said(*[(f"r{r}", f"u{u}", 1 - y) for r, u, y in answers]), {f"r{r}": 1 - y for r, y in known.items()}
    )
    yes, no = (
        np.where(each.labels["label"] == 1, each.labels["confidence"], 1 - each.labels["confidence"])
        for each in (one, other)
    )
    np.testing.assert_allclose(yes, 1 - no, atol=1e-6)
    np.testing.assert_array_equal(one.labels["votes"], other.labels["votes"])
    first, second = (each.users.set_index("user")["reliability"] for each in (one, other))
    pd.testing.assert_series_equal(first, second.reindex(first.index), atol=1e-6)
    assert ((one.users["low"] <= one.users["reliability"]) & (one.users["reliability"] <= one.users["high"])).all()


def test_outcomes_arrive_late(decide: Callable[..., pd.DataFrame]) -> None:
    log = decide(720)  # ten days, 72 a day
    known = trust.outcomes_of(log, delay_days=3, replay_days=14)
    assert max(known) == "r00503"  # three whole days before the last decision
    assert all(known[row] == label for row, label in zip(log["row_id"], log["label"], strict=True) if row in known)
    undated = log.assign(time=pd.Series(pd.NaT, index=log.index, dtype="datetime64[us, UTC]"))
    assert len(trust.outcomes_of(undated, delay_days=7, replay_days=14)) == 360
    assert len(trust.outcomes_of(log.assign(label=pd.array([pd.NA] * 720, dtype="Int8")), 0, 14)) == 0


def test_where_nobody_has_answered_the_page_says_so_instead_of_drawing() -> None:
    assert isinstance(feedback_page.reliability(trust.judge(said(), {})), Sentence)


def named(classes: tuple[str, ...], answers: list[tuple[str, str, str]]) -> pd.DataFrame:
    rows = [{"row_id": row, "user": user, "label": label} for row, user, label in answers]
    return corrections.table(rows, pd.CategoricalDtype(classes))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("k", "anchored"), [(3, 1.0), (5, 0.5), (5, 0.0), (30, 0.5)])
def test_of_several_classes_who_flips_them_is_found_and_nobody_else(
    sorting: Scenario, k: int, anchored: float, seed: int
) -> None:
    classes = tuple(f"class {at}" for at in range(k))
    log = sorted_log(1_500, seed, classes)
    truth = known(log)
    chosen = FeedbackSettings(answer_rate=0.9, users=20, malicious_rate=0.15, feedback_seed=seed)
    answers = users.simulate(log, truth, sorting, chosen)
    outcomes = {row: label for at, (row, label) in enumerate(truth.items()) if at % 100 < 100 * anchored}
    found = trust.judge(answers, outcomes)
    assert set(found.malicious) == users.malicious(chosen)
    accepted = found.labels[found.labels["accepted"]]
    assert len(accepted) > 0.5 * len(found.labels)
    # Honest users are wrong on one of twenty, and then often in the way in which the agent and others are.
    assert (accepted["label"].astype(str) == accepted["row_id"].map(truth)).mean() > 0.95


def full_confusion(answers: pd.DataFrame, classes: tuple[str, ...], rounds: int = 50) -> dict[str, str]:
    """Return each row's class by Dawid and Skene's own model, a whole confusion matrix a user, in plain loops."""
    rows, people = sorted(set(answers["row_id"])), sorted(set(answers["user"]))
    said = zip(answers["row_id"], answers["user"], answers["label"], strict=True)
    votes = [(rows.index(row), people.index(user), classes.index(name)) for row, user, name in said]
    q = np.full((len(rows), len(classes)), 0.1)
    for row, _, said in votes:
        q[row, said] += 1
    for _ in range(rounds):
        q /= q.sum(axis=1, keepdims=True)
        confusion = np.full((len(people), len(classes), len(classes)), 0.1) + 0.5 * np.eye(len(classes))
        for row, user, said in votes:
            confusion[user, :, said] += q[row]
        confusion /= confusion.sum(axis=2, keepdims=True)
        log = np.log(q.mean(axis=0))[None].repeat(len(rows), axis=0)
        for row, user, said in votes:
            log[row] += np.log(confusion[user, :, said])
        q = np.exp(log - log.max(axis=1, keepdims=True))
    return {row: classes[at] for row, at in zip(rows, q.argmax(axis=1), strict=True)}


def test_what_is_accepted_is_what_the_full_model_finds(sorting: Scenario) -> None:
    log = sorted_log(600)
    answers = users.simulate(log, known(log), sorting, FeedbackSettings(answer_rate=1, users=10, malicious_rate=0.1))
    found = trust.judge(answers, {}).labels
    other = full_confusion(answers.astype({"label": "str"}), TOPICS)
    accepted = found[found["accepted"]]
    assert (accepted["label"].astype(str) == accepted["row_id"].map(other)).mean() > 0.97


def test_who_flips_a_single_class_is_found_though_right_on_all_others() -> None:
    rows = [(f"r{at}", TOPICS[at % 5]) for at in range(150)]
    answers = [(row, user, topic) for row, topic in rows for user in ("ann", "bob")]
    answers += [(row, "eve", "praise" if topic == "fraud" else topic) for row, topic in rows]
    found = trust.judge(named(TOPICS, answers), dict(rows))
    assert found.malicious == ("eve",)
    worst = found.by_class.iloc[0]
    assert (worst["user"], worst["class"], worst["instead"], worst["flips"]) == ("eve", "fraud", "praise", True)
    assert worst["high"] < 0.5
    assert found.by_class["flips"].sum() == 1


def test_who_always_names_one_class_teaches_nothing() -> None:
    """Right on that class by nature, such a user knows nothing: to say it is no evidence."""
    rows = [(f"r{at}", TOPICS[at % 5]) for at in range(100)]
    answers = [(row, "bot", "fraud") for row, _ in rows] + [(row, "ann", topic) for row, topic in rows]
    found = trust.judge(named(TOPICS, [*answers, ("new", "bot", "fraud")]), dict(rows))
    assert found.malicious == ("bot",)
    assert not found.labels.set_index("row_id").loc["new", "accepted"]


def test_an_honest_user_who_is_often_wrong_in_different_ways_is_not_called_malicious() -> None:
    random = np.random.default_rng(3)
    classes = tuple(f"c{at}" for at in range(40))
    rows = [(f"r{at}", classes[at % 40]) for at in range(400)]
    guess = [(row, "new", topic if random.random() < 0.4 else random.choice(classes)) for row, topic in rows]
    found = trust.judge(named(classes, [*guess, *((row, "ann", topic) for row, topic in rows)]), dict(rows))
    assert found.malicious == ()


def test_a_class_that_all_find_hard_is_held_against_nobody() -> None:
    """Whoever has not been checked on it is expected to find it hard, too."""
    rows = [(f"r{at}", TOPICS[at % 5]) for at in range(300)]
    guesses = {user: np.random.default_rng(at) for at, user in enumerate(("ann", "bob", "cyd"))}
    said = [
        (row, user, guess.choice(TOPICS) if topic == "fraud" else topic)
        for user, guess in guesses.items()
        for row, topic in rows
    ]
    said += [(row, "dan", topic) for row, topic in rows if topic != "fraud"] + [("r4", "dan", "fraud")]
    found = trust.judge(named(TOPICS, said), dict(rows))
    assert found.malicious == ()
    hard = found.by_class.set_index(["user", "class"])["reliability"]
    assert hard["ann", "fraud"] < 0.5 < 0.9 < hard["ann", "billing"]
    assert hard["dan", "fraud"] < hard["dan", "billing"] - 0.05  # though right the one time that it was checked


def test_a_single_newcomer_proves_no_class_but_two_who_agree_do() -> None:
    one = trust.judge(named(TOPICS, [("r1", "ann", "fraud")]), {}).labels
    assert not one["accepted"].any()
    assert one["confidence"].iloc[0] < 0.8
    two = trust.judge(named(TOPICS, [("r1", "ann", "fraud"), ("r1", "bob", "fraud")]), {}).labels
    assert two["accepted"].tolist() == [True]
    assert two["label"].tolist() == ["fraud"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("anchored", [True, False])
def test_of_numbers_who_is_far_off_is_found_and_the_rest_is_averaged(
    estimating: Scenario, anchored: bool, seed: int
) -> None:
    log = estimated_log(800, seed)
    truth = known(log)
    chosen = FeedbackSettings(answer_rate=1, users=20, malicious_rate=0.15, feedback_seed=seed)
    answers = users.simulate(log, truth, estimating, chosen)
    found = trust.judge(answers, dict(list(truth.items())[:400]) if anchored else {})
    assert set(found.malicious) == users.malicious(chosen)
    accepted = found.labels[found.labels["accepted"] & ~found.labels["conflict"]]
    assert len(accepted) > (0.5 if anchored else 0.2) * len(found.labels)
    off = (accepted["label"] - accepted["row_id"].map(truth)).abs()
    assert off.median() < 0.6  # of minutes that are 10 apart
    assert (off < 2.5).mean() > 0.95  # one in twenty answers is off by 20, and that of a single user nobody can see


def test_bias_and_spread_are_those_of_the_differences() -> None:
    random = np.random.default_rng(1)
    truth = {f"r{at}": float(value) for at, value in enumerate(random.normal(50, 10, 600))}
    scale = {"ann": (0.0, 1.0), "bob": (1.0, 1.0), "cyd": (0.0, 3.0)}
    rows = [
        {"row_id": row, "user": user, "label": value + bias + spread * random.normal()}
        for row, value in truth.items()
        for user, (bias, spread) in scale.items()
    ]
    found = trust.judge(corrections.table(rows, "float64"), truth).users.set_index("user")
    for user, (bias, spread) in scale.items():
        assert found.loc[user, "bias"] == pytest.approx(bias, abs=0.4)
        assert found.loc[user, "spread"] == pytest.approx(spread, rel=0.15)


def test_a_number_beyond_its_users_spread_is_rejected_and_a_newcomer_alone_is_not_accepted() -> None:
    random = np.random.default_rng(2)
    truth = {f"r{at}": float(value) for at, value in enumerate(random.normal(50, 10, 80))}
    rows = [
        {"row_id": row, "user": user, "label": value + random.normal()}
        for row, value in truth.items()
        for user in "abc"
    ]
    rows += [{"row_id": "new", "user": user, "label": value} for user, value in (("a", 50), ("b", 51), ("c", 90))]
    rows += [{"row_id": "alone", "user": "dan", "label": 50.0}]
    found = trust.judge(corrections.table(rows, "float64"), truth).labels.set_index("row_id")
    assert found.loc["new", ["votes", "against", "conflict", "accepted"]].tolist() == [3, 1, True, True]
    assert found.loc["new", "label"] == pytest.approx(50.5, abs=0.7)
    assert not found.loc["alone", "accepted"]


def test_numbers_that_all_agree_or_nobody_checks_break_nothing() -> None:
    same = [{"row_id": f"r{at}", "user": user, "label": 7.0} for at in range(9) for user in "ab"]
    found = trust.judge(corrections.table(same, "float64"), {})
    assert found.labels["label"].tolist() == pytest.approx([7.0] * 9)
    assert found.labels["accepted"].all()
    alone = trust.judge(corrections.table(same[::2], "float64"), {})
    assert alone.users["verdict"].tolist() == ["unproven"]
    assert not alone.labels["accepted"].any()
    nobody = trust.judge(corrections.table([], "float64"), {"r1": 2.0})
    assert nobody.users.empty and nobody.labels.empty and nobody.malicious == ()
    assert rater_bias.WIDE < rater_bias.SPOILT


@pytest.mark.parametrize("far", [1e6, 1e15, -1e9, 3e38])
def test_one_number_that_is_far_too_large_does_not_make_gross_mistakes_pass(far: float) -> None:
    truth = {f"r{at}": float(at) for at in range(40)}
    off = {"ann": 0.0, "bob": 0.0, "eve": 700.0}
    rows = [{"row_id": row, "user": user, "label": value + off[user]} for row, value in truth.items() for user in off]
    found = trust.judge(corrections.table([*rows, {"row_id": "r0", "user": "mal", "label": far}], "float64"), truth)
    assert found.users.set_index("user")["verdict"].to_dict() == {
        **dict.fromkeys(("ann", "bob"), "trusted"), "eve": "malicious", "mal": "unproven",
    }  # fmt: skip
    assert found.labels["label"].tolist() == pytest.approx([truth[row] for row in found.labels["row_id"]], abs=0.5)


@pytest.mark.parametrize("scale", [0.01, 1.0, 1e6])
def test_who_rounds_is_trusted_where_most_say_exactly_what_became_known(scale: float) -> None:
    random = np.random.default_rng(3)
    truth = {f"r{at}": scale * value for at, value in enumerate(random.normal(50, 10, 40))}
    rows = [{"row_id": row, "user": user, "label": value} for row, value in truth.items() for user in ("ann", "bob")]
    rows += [{"row_id": row, "user": "cyd", "label": scale * round(value / scale)} for row, value in truth.items()]
    assert set(trust.judge(corrections.table(rows, "float64"), truth).users["verdict"]) == {"trusted"}


def test_hostile_names_of_classes_are_text_on_the_page() -> None:
    classes = ("<script>alert(1)</script>", "a & b", "c|d")
    rows = [(f"r{at}", classes[at % 3]) for at in range(90)]
    answers = [(row, "eve", classes[2] if topic == classes[0] else topic) for row, topic in rows]
    found = trust.judge(named(classes, answers), dict(rows))
    shown = feedback_page.mistakes(found)
    assert isinstance(shown, pd.DataFrame)
    assert shown.loc[0, ["class", "instead", "flips"]].tolist() == [classes[0], classes[2], True]
    assert "<script>" not in shown.to_html()


def test_of_a_number_the_page_shows_how_far_users_are_off(estimating: Scenario) -> None:
    log = estimated_log(400)
    found = trust.judge(users.simulate(log, known(log), estimating, FeedbackSettings(answer_rate=1)), known(log))
    assert not isinstance(feedback_page.reliability(found), Sentence)
    shown = feedback_page.mistakes(found)
    assert isinstance(shown, pd.DataFrame)
    assert shown["bias"].abs().is_monotonic_decreasing
    assert set(shown["user"][:2]) <= set(found.malicious)


def test_one_gross_mistake_makes_nobody_malicious_and_one_good_answer_nobody_trusted() -> None:
    random = np.random.default_rng(5)
    truth = {f"r{at}": float(value) for at, value in enumerate(random.normal(50, 10, 60))}
    rows = [
        {"row_id": row, "user": user, "label": value + random.normal()}
        for row, value in truth.items()
        for user in ("ann", "bob")
    ]
    rows += [{"row_id": "r1", "user": "new", "label": 500.0}, {"row_id": "r2", "user": "other", "label": truth["r2"]}]
    rows += [{"row_id": f"r{at}", "user": "eve", "label": truth[f"r{at}"] - 30} for at in range(10)]
    found = trust.judge(corrections.table(rows, "float64"), truth).users.set_index("user")["verdict"]
    wanted = {"ann": "trusted", "bob": "trusted", "new": "unproven", "other": "unproven", "eve": "malicious"}
    assert found.to_dict() == wanted


def one_coin(answers: pd.DataFrame, outcomes: dict[str, int]) -> dict[str, float]:
    """Return users' reliability by the model of one coin a user for two classes, row by row, in log odds."""
    votes = list(zip(answers["row_id"], answers["user"], answers["label"].astype(int), strict=True))
    rows, people = sorted({row for row, _, _ in votes}), sorted({user for _, user, _ in votes})
    known = {row: outcomes[row] for row in rows if row in outcomes}
    witnessed = {row for row in rows if row in known or sum(each == row for each, _, _ in votes) > 1}
    right, share = dict.fromkeys(people, 2 / 3), 0.5
    for _ in range(200):
        odds = dict.fromkeys(rows, np.log(share / (1 - share)))
        for row, label in known.items():
            odds[row] += (1 if label else -1) * np.log(0.98 / 0.02)
        for row, user, label in votes:
            sure = min(max(right[user], 0.5), 0.99)
            odds[row] += (1 if label else -1) * np.log(sure / (1 - sure))
        yes = {row: 1 / (1 + np.exp(-value)) for row, value in odds.items()}
        before = dict(right)
        for user in people:
            mine = [
                yes[row] if label else 1 - yes[row] for row, who, label in votes if who == user and row in witnessed
            ]
            right[user] = (2 + sum(mine)) / (3 + len(mine))
        share = (1 + sum(yes.values())) / (2 + len(rows))
        if max(abs(right[user] - before[user]) for user in people) < 1e-9:
            break
    return right


@pytest.mark.parametrize("seed", range(4))
def test_of_two_classes_it_is_the_model_of_one_coin_a_user(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = {f"r{at}": int(random.random() < 0.3) for at in range(40)}
    rates = {"ann": 0.95, "bob": 0.8, "cyd": 0.5, "eve": 0.05}
    answers = said(
        *[
            (row, user, label if random.random() < rate else 1 - label)
            for row, label in truth.items()
            for user, rate in rates.items()
            if random.random() < 0.5
        ]
    )
    outcomes = {row: label for row, label in truth.items() if random.random() < 0.25 * seed}
    found = dawid_skene.estimate(answers, outcomes)[0].set_index("user")["reliability"]
    wanted = one_coin(answers, outcomes)
    assert found.to_dict() == pytest.approx(wanted, abs=1e-9)

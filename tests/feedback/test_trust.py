"""Users are believed as far as they deserve, malicious ones are found and left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from loopbook.feedback import corrections, feedback_page, trust, users
from loopbook.figures.sentence import Sentence
from loopbook.scenario.contract import Scenario
from loopbook.scenario.feedback import FeedbackSettings


def said(*answers: tuple[str, str, int | None]) -> pd.DataFrame:
    return corrections.table([{"row_id": row, "user": user, "label": label} for row, user, label in answers])


def test_malicious_users_are_found_and_nobody_else(
    decisions: pd.DataFrame, truth: dict[str, int], scenario: Scenario
) -> None:
    chosen = FeedbackSettings(answer_rate=0.6, users=20, malicious_rate=0.15)
    answers = users.simulate(decisions, truth, scenario.task, chosen)
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
    found = trust.judge(users.simulate(decisions, truth, scenario.task, chosen), {})
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
    assert new["probability"] == pytest.approx(0.5, abs=0.05)


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
    np.testing.assert_allclose(one.labels["probability"], 1 - other.labels["probability"], atol=1e-6)
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

"""What stands of reviews, whoever says what in what order: undo, disagreement, what accepting means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.service.serving import scenario

from loopbook.decisions.audit.entry import Entry, Stored
from loopbook.feedback import reviewing
from loopbook.feedback.reviewing import ACCEPT, CORRECT, DISPUTED, OPEN, SECOND, SETTLED, SKIP, THIRD, Review, Standing

MARKET = scenario("market-monitor")
_NUMBERS = count()


def stored(entry: Entry) -> Stored:
    """Return an entry as the log would."""
    at = next(_NUMBERS)
    written = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=at)
    return Stored(entry.kind, entry.id, entry.facts, entry.payload, seq=at, written=written)


def review(meant: str | None, reviewer: str = "ann", verdict: str = CORRECT, item: str = "d1") -> Review:
    return Review("", item, reviewer, verdict if meant else SKIP, meant, meant)


def entry(*what: Any) -> Stored:
    return stored(reviewing.entry(MARKET, review(*what), "a-key"))


@pytest.mark.parametrize(
    ("votes", "two", "state"),
    [
        ([], False, Standing(OPEN)),
        ([None], False, Standing(OPEN)),
        (["a"], False, Standing(SETTLED, "a")),
        (["a"], True, Standing(OPEN, next=SECOND)),
        (["a", None], True, Standing(OPEN, next=SECOND)),
        (["a", "a"], True, Standing(SETTLED, "a")),
        (["a", "b"], True, Standing(OPEN, next=THIRD)),
        (["a", "b"], False, Standing(OPEN, next=THIRD)),
        (["a", "b", "b"], True, Standing(SETTLED, "b")),
        (["a", "b", "c"], True, Standing(DISPUTED)),
    ],
)
def test_one_answer_or_two_equal_ones_settle_an_item_and_a_third_decides(
    votes: list[str | None], two: bool, state: Standing
) -> None:
    assert reviewing.standing([review(vote, f"r{at}") for at, vote in enumerate(votes)], two) == state


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["alert", "ignore", None])), max_size=8), st.data())
def test_what_was_taken_back_is_as_if_it_had_never_been_said(said: list[tuple[str, str | None]], data: Any) -> None:
    entries = [entry(meant, who) for who, meant in said]
    gone = data.draw(st.sets(st.sampled_from(range(len(entries)))) if entries else st.just(set()))
    reviews = reviewing.standing_reviews(entries)
    undone = [stored(reviewing.undo(reviews[at], "a-key")) for at in gone]
    left = [each for at, each in enumerate(entries) if at not in gone]
    assert reviewing.standing_reviews([*entries, *undone]) == reviewing.standing_reviews(left)


def test_nobody_takes_back_what_another_has_said() -> None:
    said = entry("alert", "ann")
    (theirs,) = reviewing.standing_reviews([said])
    attack = stored(reviewing.undo(replace(theirs, reviewer="eve"), "a-key"))
    assert reviewing.standing_reviews([said, attack]) == [theirs]
    before = stored(reviewing.undo(replace(theirs, id="not yet there"), "a-key"))
    assert reviewing.standing_reviews([before, said]) == [theirs]


def test_a_review_comes_back_from_the_log_as_it_was_said() -> None:
    said = Review("", "d1", "ann", CORRECT, "alert", "alert", {"topic": "jobs"}, "useful", 2.5, "why not")
    made = stored(reviewing.entry(MARKET, said, "a-key", truth="ignore", payload={"row_id": "r1"}))
    (back,) = reviewing.standing_reviews([made])
    assert replace(back, id="", written=datetime.min) == said
    assert made.facts["review"]["action"] == "alert" and made.facts["review"]["truth"] == "ignore"
    assert "why not" not in str(made.facts) and made.payload == {"row_id": "r1", "comment": "why not"}


@pytest.mark.parametrize(
    ("action", "yes", "means"),
    [
        ("ignore", 0.1, "ignore"),
        ("alert", 0.9, "alert"),
        ("alert", 0.4, "alert"),  # below one half, above the threshold: the alert says yes all the same
        ("review", 0.4, "ignore"),
        ("review", 0.6, "alert"),
    ],
)
def test_accepting_a_decision_says_the_class_for_which_its_action_is_best(action: str, yes: float, means: str) -> None:
    no_class, yes_class = MARKET.task.label.classes
    facts = {
        "action": action,
        "answer": (no_class, yes_class)[yes > 0.5],
        "scores": {no_class: 1 - yes, yes_class: yes},
    }
    names = {"ignore": no_class, "alert": yes_class}
    assert reviewing.implied(MARKET, facts) == names[means]


def test_an_action_that_is_best_for_no_class_cannot_be_accepted() -> None:
    no_class, yes_class = MARKET.task.label.classes
    facts = {"action": "escalate", "answer": yes_class, "scores": {no_class: 0.2, yes_class: 0.8}}
    assert reviewing.implied(MARKET, facts) is None


def test_a_settled_review_answers_the_decision_that_waited() -> None:
    entries = [entry("alert", "ann"), entry("ignore", "bob"), entry("alert", "eve")]
    assert reviewing.actions(entries, 1.0) == {"d1": "alert"}
    assert reviewing.actions(entries[:2], 1.0) == reviewing.actions(entries[:1], 1.0) == {}
    assert reviewing.actions(entries[:1], 0.0) == {"d1": "alert"}
    waiting = {"action": "review", "reasons": "Unsure.", "verdict": None}
    done = reviewing.answered(waiting, "alert")
    assert (done["action"], done["verdict"], done["reasons"]) == (
        "alert",
        "alert",
        "Unsure. The reviewer decided: alert.",
    )
    assert reviewing.answered({"action": "ignore"}, "alert") == {"action": "ignore"}


def test_about_the_share_that_is_wanted_is_reviewed_twice_and_it_stays_the_same() -> None:
    chosen = [reviewing.twice(f"decision {at}", 0.1) for at in range(5_000)]
    assert 0.08 < sum(chosen) / len(chosen) < 0.12
    assert chosen == [reviewing.twice(f"decision {at}", 0.1) for at in range(5_000)]
    assert ACCEPT in reviewing.VERDICTS and not any(reviewing.twice(f"decision {at}", 0.0) for at in range(100))

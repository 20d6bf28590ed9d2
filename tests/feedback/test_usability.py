"""Usability: SUS by hand, what happened on the pages, tone; intervals over people."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loopbook.decisions.audit.entry import Entry, Stored
from loopbook.feedback import reviewing, usability
from loopbook.feedback.reviewing import Review
from loopbook.feedback.usability import ABANDONED, QUESTIONNAIRE, REVIEWED, events, measured, sus, tone
from loopbook.scenario.errors import LoopbookError


def stored(entry: Entry, at: int) -> Stored:
    return Stored(**vars(entry), written=datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=at))


def review(user: str, seconds: float, comment: str = "") -> Entry:
    facts: dict[str, Any] = {"decision_id": "d", "user": user, "seconds": seconds, "label": "yes"}
    return Entry("feedback", f"{user}{seconds}", {**facts, "review": {"verdict": "accept"}}, {"comment": comment})


@pytest.mark.parametrize(
    ("answers", "score"),
    [([5, 1] * 5, 100), ([1, 5] * 5, 0), ([3] * 10, 50), ([4, 2] * 5, 75), ([5, 1, 4, 2, 3, 3, 5, 1, 4, 2], 80)],
)
def test_the_scale_is_scored_as_published(answers: list[int], score: float) -> None:
    assert sus(answers) == score


@pytest.mark.parametrize("answers", [[], [3] * 9, [3] * 11, [0] + [3] * 9, [6] + [3] * 9, [2.5] + [3] * 9])
def test_what_is_no_questionnaire_is_refused(answers: list[int]) -> None:
    with pytest.raises(LoopbookError, match="each 1 to 5"):
        sus(answers)


def test_events_are_read_from_the_log_and_an_answer_taken_back_is_one() -> None:
    first, second = review("ann", 8.0, "clear"), review("bob", 32.0)
    gone = reviewing.undo(Review(second.id, "d", "bob", "accept"), "key")
    stranger = reviewing.undo(Review(first.id, "d", "eve", "accept"), "key")
    left = reviewing.abandoned("d", "bob", 300.0)
    asked = usability.questionnaire("ann", "key", [4, 2] * 5, "fast", "once")
    plain = Entry("feedback", "x", {"decision_id": "d", "user": "u", "label": "yes"})
    log = [stored(entry, at) for at, entry in enumerate((first, second, gone, stranger, left, asked, plain))]
    found = events(log)
    assert found["event"].tolist() == [REVIEWED, REVIEWED, ABANDONED, QUESTIONNAIRE]
    assert found["undone"].tolist() == [False, True, False, False], "only who has answered can take it back"
    table = measured(found)
    assert table.loc["seconds a review (geometric mean)", "value"] == pytest.approx(math.sqrt(8 * 32))
    assert table.loc["share of answers taken back", ["value", "of", "people"]].tolist() == [0.5, 2, 2]
    assert table.loc["share of items left unanswered", "value"] == pytest.approx(1 / 3)
    assert table.loc["SUS, 0 to 100", "value"] == 75 and math.isnan(table.loc["SUS, 0 to 100", "low"])
    assert table.loc["share of comments that are pleased", "value"] == 1
    assert (table["low"].isna() | ((table["low"] >= 0) & (table["low"] <= table["value"]))).all()


def test_the_last_questionnaire_of_a_person_counts() -> None:
    asked = [
        usability.questionnaire(user, "k", [n, 6 - n] * 5, "", f"{user}{n}")
        for n, user in ((1, "a"), (5, "a"), (3, "b"))
    ]
    table = measured(events(stored(entry, at) for at, entry in enumerate(asked)))
    assert table.loc["SUS, 0 to 100", ["value", "of"]].tolist() == [75, 2]


def test_where_nobody_was_there_is_nothing() -> None:
    assert len(measured(events([]))) == 0


@pytest.mark.parametrize(
    ("comment", "sign"),
    [
        ("Clear and fast", 1),
        ("Too slow, and confusing.", -1),
        ("not clear at all", -1),
        ("It isn't slow", 1),
        ("good but slow", 0),
        ("the page", 0),
        ("", 0),
        ("很方便，喜欢", 1),
        ("不方便", -1),
        ("太慢了", -1),
        ("没有问题", 1),
        ("界面", 0),
    ],
)
def test_the_tone_is_that_of_its_words(comment: str, sign: int) -> None:
    assert tone(comment) == sign

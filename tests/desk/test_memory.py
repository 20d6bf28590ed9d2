"""Dialogue memory: answers to a question back, subjects that stay or change, what is only polite."""

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbook.desk import dialogues, memory
from loopbook.desk.memory import Memory
from loopbook.desk.turn import Conversation, Reply
from loopbook.scenario.errors import DataError

TITLES = ({"lost": "A lost card", "pin": "A forgotten PIN", "fees": "Fees"}, {"lost": "银行卡丢失", "pin": "密码遗忘"})
OFFERED = ("lost", "pin", "fees")


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        *(
            ("the second", "pin"),
            ("2", "pin"),
            ("The first one, please!", "lost"),
            ("option 3", "fees"),
            ("last", "fees"),
        ),
        *(("a lost card", "lost"), ("密码遗忘", "pin"), ("第一个", "lost"), ("yes", "yes"), ("Yes please.", "yes")),
        *(
            ("no", "no"),
            ("none of these", "no"),
            ("neither", "no"),
            ("the card was stolen", None),
            ("the fourth", None),
        ),
    ],
)
def test_an_answer_to_a_question_back_is_read(text: str, chosen: str | None) -> None:
    assert memory.choice(text, OFFERED, TITLES) == chosen


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *(("thanks a lot!", "courtesy"), ("ok, thx, bye", "courtesy"), ("good morning", "courtesy")),
        *(("can I speak to a human", "person"), ("give me an employee", "person"), ("agent please", "person")),
        *(("could someone please call me", "person"), ("thanks, but where is my card", "question")),
        *(("is my agent's fee due", "question"), ("good rate for savings?", "question"), ("", "question")),
    ],
)
def test_courtesy_and_the_wish_for_a_person_are_told_from_questions(text: str, kind: str) -> None:
    assert memory.kind(text) == kind


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    assert memory.kind(text) in ("courtesy", "person", "question")
    assert memory.choice(text, OFFERED, TITLES) in (*OFFERED, "yes", "no", None)


def test_hostile_text_takes_no_longer_than_its_length() -> None:
    began = time.process_time()
    for text in ("ok" * 20_000, "please talk " * 5_000, "the " * 20_000, "no of these " * 5_000):
        memory.kind(text)
        memory.choice(text, OFFERED, TITLES)
    assert time.process_time() - began < 5  # seconds: a regular expression that backtracks takes hours


def test_short_words_that_refer_back_stay_and_an_announced_change_does_not() -> None:
    unsure, other = np.array([0.3, 0.4, 0.3]), np.array([0.02, 0.95, 0.03])
    known = Memory()
    assert known.stays("and how long does that take?", 0, unsure) > 0.8
    assert known.stays("something else: I forgot the pin of my credit card at home yesterday", 0, other) < 0.1
    mixed = known.mixed(0.7, 0, other)
    assert mixed.sum() == pytest.approx(1)
    assert mixed[0] == pytest.approx(0.7)


def test_memory_learns_from_examples_which_words_go_on() -> None:
    p = np.array([0.5, 0.5])
    rows = [("and that?", 0, p, True), ("I would like to open an account for my company today", 0, p, False)] * 20
    learned = memory.fit(rows)
    assert learned.stays("and it?", 0, p) > 0.9 > 0.2 > learned.stays("where can I change the address of my firm", 0, p)


def test_the_subject_begins_with_the_first_of_the_latest_turns_of_an_intent() -> None:
    talk = Conversation("c")
    for text, intent in (("a", "pin"), ("b", "lost"), ("c", "lost"), ("thanks", None)):
        talk = talk.then(text, Reply("answer", text, intent=intent, about=text))
    began = memory.subject(talk)
    assert began is not None
    assert began.question == "b"
    assert memory.subject(Conversation("none")) is None


def test_a_broken_dialogue_is_told_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "conversations.jsonl"
    good = '{"id": "a", "half": "build", "turns": [{"text": "hello", "kind": "courtesy"}]}\n'
    for bad in (
        "{",
        '{"id": "b", "half": "other", "turns": []}',
        '{"id": "b", "half": "test", "turns": [{"text": 1}]}',
    ):
        file.write_text(good + bad)
        with pytest.raises(DataError, match="line 2"):
            dialogues.read(file)
    with pytest.raises(DataError, match="is not there"):
        dialogues.read(tmp_path / "none.jsonl")

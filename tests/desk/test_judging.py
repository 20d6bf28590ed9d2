"""Dialogues are played and judged turn by turn; a measure of which nothing is known is not told."""

from __future__ import annotations

import pytest

from loopbook.desk import judging
from loopbook.desk.dialogues import Dialogue, Line
from loopbook.desk.turn import Conversation, Reply


class Scripted:
    """A desk that says what it is told to, one reply a text."""

    def __init__(self, **replies: Reply) -> None:
        self._replies = replies

    def reply(self, conversation: Conversation, text: str, minutes: float = 0.0) -> Reply:
        return self._replies[text]

    def title(self, intent: str, language: str = "en") -> str:
        return intent.title()


ANSWER = Reply("answer", "Block it in the app.", intent="lost")
BACK = Reply("clarify", "Which?", options=("lost", "pin"), intent="lost")
PERSON = Reply("hand_over", "A person will write.")


def played(*lines: Line, **replies: Reply) -> list[judging.Outcome]:
    return judging.play(Scripted(**replies), Dialogue("d", "test", lines))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "replies", "right", "wrong", "needless"),
    [
        (Line("card", "question", "lost"), {"card": ANSWER}, True, False, False),
        (Line("card", "question", "pin"), {"card": ANSWER}, False, True, False),
        (Line("card", "question", "lost"), {"card": PERSON}, False, False, False),
        (Line("card", "question", "lost", "Lost"), {"card": BACK, "Lost": ANSWER}, True, False, True),
        (Line("card", "vague", "lost", "Lost"), {"card": BACK, "Lost": ANSWER}, True, False, False),
        (Line("human", "person"), {"human": PERSON}, True, False, False),
        (Line("weather", "outside"), {"weather": ANSWER}, False, True, False),
    ],
)
def test_a_turn_is_judged(line: Line, replies: dict[str, Reply], right: bool, wrong: bool, needless: bool) -> None:
    (found,) = played(line, **replies)
    assert (found.right, found.wrong, found.needless) == (right, wrong, needless)


def test_the_same_answer_again_is_not_right() -> None:
    first, again = played(
        Line("card", "question", "lost"), Line("and", "follow_up", "lost"), card=ANSWER, **{"and": ANSWER}
    )
    assert first.right
    assert again.wrong


def test_only_measures_are_told_of_which_something_is_known() -> None:
    found = judging.table([played(Line("card", "question", "lost"), card=ANSWER)])
    assert found["measure"].tolist() == [
        *("dialogues resolved", "turns right", "needless clarifications", "wrong answers", "handed over")
    ]
    assert found["of"].tolist() == [1] * 5
    assert found["value"].tolist() == [1, 1, 0, 0, 0]

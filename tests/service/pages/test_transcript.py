"""Transcripts: cited sentences with the numbers of their passages, and what the desk says in the reader's language."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from loopbook.desk.desk import SAID
from loopbook.desk.turn import Reply
from loopbook.service.pages import transcript
from loopbook.service.pages.transcript import Line, Source


def line(text: str, *sources: tuple[str, str]) -> Line:
    found = [
        Source(sentence=sentence, document="fees.md", address=address, text=f"{address}: {sentence}")
        for sentence, address in sources
    ]
    return Line(number=1, by="desk", written=datetime.now(UTC), text=text, sources=found)


def test_sentences_are_numbered_by_their_passages_and_each_passage_is_listed_once() -> None:
    said = line("It is free. It costs 5 euro. That is all.", ("It is free.", "a"), ("It costs 5 euro.", "b"))
    assert transcript.cited(said) == [("It is free.", 1), ("It costs 5 euro.", 2), (" That is all.", None)]
    same = [source.model_copy(update={"text": "one passage", "address": "a"}) for source in said.sources]
    once = said.model_copy(update={"sources": same})
    assert len(transcript.passages(once)) == 1
    assert [number for _, number in transcript.cited(once)] == [1, 1, None]
    assert transcript.cited(line("No source.")) == [("No source.", None)]


@pytest.mark.parametrize("name", SAID)
def test_what_the_desk_says_besides_answers_is_there_in_chinese(name: str) -> None:
    act = {"danger": "hand_over", "courtesy": "answer"}.get(name, name)
    reply = Reply(act, SAID[name])  # type: ignore[arg-type]
    assert transcript._said(reply, "en") == SAID[name]
    told = transcript._said(reply, "zh")
    assert told != SAID[name] and any("\u4e00" <= letter <= "\u9fff" for letter in told)
    assert transcript._said(Reply("answer", "It is free."), "zh") == "It is free."

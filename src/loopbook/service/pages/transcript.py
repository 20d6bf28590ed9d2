"""Transcript: a conversation as people read it, line by line, in their language."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from loopbook.decisions.audit.entry import Stored
from loopbook.desk import records
from loopbook.desk.desk import SAID, Desk
from loopbook.desk.records import Recorded
from loopbook.desk.turn import Reply
from loopbook.service.pages import texts

_SAID = {
    "clarify": "chat.said_clarify",
    "hand_over": "chat.said_hand_over",
    "decline": "chat.said_decline",
    "danger": "chat.said_danger",
    "courtesy": "chat.said_courtesy",
}
"""What the desk says besides answers, by the names of `desk.SAID`."""


class Source(BaseModel):
    """Where a sentence of an answer stands."""

    sentence: str
    document: str
    address: str = Field(description="file and heading, by which a person finds it")
    text: str = Field(description="the passage that contains the sentence")


class Option(BaseModel):
    """What a clarification offers; its title is sent as the next text."""

    intent: str
    title: str


class Line(BaseModel):
    """A line of a conversation; texts are plain, and to be escaped where they are shown."""

    number: int
    by: Literal["customer", "desk", "person"]
    written: datetime
    text: str
    act: Literal["answer", "clarify", "hand_over", "decline"] | None = Field(None, description="what the desk does")
    sources: list[Source] = Field([], description="of each sentence of an answer; empty for one given before")
    options: list[Option] = Field([], description="of a clarification")
    hidden: bool = Field(False, description="harmful text, which is never repeated")
    forgotten: bool = Field(False, description="what stood here has left the log")


def lines(found: Recorded, desk: Desk, language: str) -> list[Line]:
    """Return the lines of a conversation, in their order."""
    return [line for stored in found.entries for line in _lines(stored, desk, language)]


def passages(line: Line) -> list[Source]:
    """Return the sources of a line, each passage once."""
    return list({(source.address, source.text): source for source in line.sources}.values())


def cited(line: Line) -> Sequence[tuple[str, int | None]]:
    """Return an answer in pieces: cited sentences with the numbers of their passages, all else with None."""
    pieces: list[tuple[str, int | None]] = []
    rest, places = line.text, [(source.address, source.text) for source in passages(line)]
    for source in line.sources:
        before, found, after = rest.partition(source.sentence)
        if found:
            pieces += [(before, None)] if before.strip() else []
            pieces.append((found, places.index((source.address, source.text)) + 1))
            rest = after
    return [*pieces, (rest, None)] if rest.strip() else pieces


def _lines(stored: Stored, desk: Desk, language: str) -> Iterator[Line]:
    event, payload, gone = stored.facts["event"], stored.payload or {}, stored.forgotten
    about = {"number": stored.facts["number"], "written": stored.written, "forgotten": gone}
    if event == records.WROTE:
        yield Line(by="person", text=payload.get("text", ""), **about)
    if event != records.ASKED:
        return
    harmful = stored.facts.get("act") == "decline"
    if harmful or payload.get("question") or gone:
        yield Line(by="customer", text="" if harmful else payload.get("question", ""), hidden=harmful, **about)
    if not stored.facts.get("act"):
        return
    reply = records.reply(stored)
    sources = [Source(sentence=one.sentence, **vars(one.passage)) for one in reply.citations]
    options = [Option(intent=intent, title=desk.title(intent, language)) for intent in reply.options]
    text = "" if gone and reply.act == "answer" else _said(reply, language)
    yield Line(by="desk", text=text, act=reply.act, sources=sources, options=options, **about)


def _said(reply: Reply, language: str) -> str:
    """Return what the desk says: answers as they stand in its sources, all else in the reader's language."""
    if reply.text and language == "en":
        return reply.text
    name = next((name for name, text in SAID.items() if text == reply.text), reply.act)
    return reply.text if name == "answer" else texts.text(language, _SAID[name])

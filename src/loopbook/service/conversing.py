"""Conversations by HTTP: begin one, ask, read what a person wrote, rate; what a web site embeds its own chat with."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from loopbook.desk.records import WAITS, Recorded
from loopbook.service.admission import Admission, idempotency
from loopbook.service.conversations import LONGEST, Conversations
from loopbook.service.errors import misfit
from loopbook.service.keys import Caller
from loopbook.service.pages import transcript
from loopbook.service.pages.transcript import Line
from loopbook.service.schemas import Id

_STRICT = ConfigDict(extra="forbid", strict=True)
_CUSTOMER = ("caller", "admin")


class Opening(BaseModel):
    """How a conversation begins."""

    model_config = _STRICT
    language: Literal["en", "zh"] = Field("en", description="of what the desk says besides answers")


class Saying(BaseModel):
    """What a customer writes; personal data is masked before anything reads or stores it."""

    model_config = _STRICT
    text: Annotated[str, Field(min_length=1, max_length=LONGEST, pattern=r"\S")]
    person: bool = Field(False, description="the customer asks for a person: the desk does not answer")


class Rating(BaseModel):
    """What a customer thinks of the conversation; the last rating counts."""

    model_config = _STRICT
    rating: Annotated[int, Field(ge=1, le=5)] = Field(description="1 (bad) to 5 (good)")
    comment: Annotated[str, Field(max_length=5_000)] = Field("", description="masked; 500 characters are kept")


class Talk(BaseModel):
    """A conversation as it stands."""

    conversation_id: str
    state: Literal["desk", "waits", "answered", "closed"] = Field(
        description="the desk answers; the customer waits for a person; a person has answered; it is over"
    )
    language: str
    minutes: float | None = Field(description="expected until a person writes; null: nobody waits")
    rating: int | None
    lines: list[Line]


class Turned(BaseModel):
    """What came of what a customer wrote."""

    conversation_id: str
    number: int = Field(description="place of the turn in the conversation")
    written: datetime = Field(description="when it was in the log")
    state: Literal["desk", "waits", "answered", "closed"]
    minutes: float | None = Field(description="expected until a person writes; null: nobody waits")
    reply: Line | None = Field(description="what the desk says; null: a person has the conversation")


BODIES: dict[str, type[BaseModel]] = {"open_conversation": Opening, "turn": Saying, "rate_conversation": Rating}
"""What is sent, by operation."""


class Conversing:
    """The endpoints. What waits for the database is done in a thread."""

    def __init__(self, door: Admission, conversations: Conversations) -> None:
        self._door, self._talks = door, conversations

    async def open_conversation(self, request: Request) -> Response:
        """Begin a conversation."""
        caller, once = await self._customer(request), idempotency(request)
        opening: Opening = _read(Opening, await self._door.body(request))
        return await self._told(partial(self._talks.open, caller, opening.language, once), 201)

    async def turn(self, request: Request, id: Annotated[Id, Path()]) -> Response:
        """Take what a customer writes: the desk replies, or a person will."""
        caller, once = await self._customer(request), idempotency(request)
        saying: Saying = _read(Saying, await self._door.body(request))
        found, stored = await self._talks.say(id, caller, saying.text, saying.person, once)

        def told() -> dict[str, Any]:
            said = transcript.lines(found, self._talks.desk, found.language)
            reply = next((line for line in said if line.number == stored.facts["number"] and line.by == "desk"), None)
            about = {"conversation_id": id, "number": stored.facts["number"], "written": stored.written}
            return {**about, "state": stored.facts["state"], "minutes": self._minutes(found), "reply": reply}

        return _json(Turned(**await to_thread.run_sync(told)), 201)

    async def conversation(self, request: Request, id: Annotated[Id, Path()]) -> Response:
        """Show a conversation as it stands in the log; what a person wrote is found by asking again."""
        caller = await self._door.admit(request, "caller", "reviewer", "admin")
        return await self._told(partial(self._talks.read, id, caller), 200)

    async def rate_conversation(self, request: Request, id: Annotated[Id, Path()]) -> Response:
        """Write down what a customer thinks of a conversation."""
        caller = await self._customer(request)
        said: Rating = _read(Rating, await self._door.body(request))
        return await self._told(partial(self._talks.rate, id, caller, said.rating, said.comment), 201)

    async def close_conversation(self, request: Request, id: Annotated[Id, Path()]) -> Response:
        """End a conversation: nobody need write any more."""
        caller = await self._customer(request)
        return await self._told(partial(self._talks.close, id, caller), 200)

    async def _customer(self, request: Request) -> Caller:
        caller = await self._door.admit(request, *_CUSTOMER)
        await self._door.allow(caller, 1)
        return caller

    async def _told(self, work: Callable[[], Recorded], status: int) -> Response:
        def told() -> Talk:
            found = work()
            lines = transcript.lines(found, self._talks.desk, found.language)
            about = {"conversation_id": found.id, "state": found.state, "language": found.language}
            return Talk(**about, minutes=self._minutes(found), rating=found.rating, lines=lines)  # type: ignore[arg-type]

        return _json(await to_thread.run_sync(told), status)

    def _minutes(self, found: Recorded) -> float | None:
        return self._talks.minutes(found.id) if found.state == WAITS else None


def _read(model: type[BaseModel], body: bytes) -> Any:
    try:
        return TypeAdapter(model).validate_json(body)
    except ValidationError as error:
        raise misfit(error) from None


def _json(value: BaseModel, status: int) -> Response:
    return Response(to_json(value), status, media_type="application/json")

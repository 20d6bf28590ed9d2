"""Lists by HTTP: a user's list of items, in the log before it is answered, and what they clicked of it."""

import hashlib
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from anyio import to_thread
from fastapi import Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import to_json
from sqlalchemy import Engine

from loopbook.decisions import list_log
from loopbook.decisions.audit import reader
from loopbook.decisions.audit.entry import Entry, Stored
from loopbook.decisions.audit.writer import Writer
from loopbook.privacy import personal_data
from loopbook.scenario.task import Ranking
from loopbook.service.admission import Admission, idempotency
from loopbook.service.deciding import Deciding
from loopbook.service.errors import COME_BACK, Refused, misfit
from loopbook.service.keys import Caller
from loopbook.service.schemas import Id, Received

MANY = 100
"""Places of a list, items that a caller may say were taken, clicks that are reported at once: each at most so many."""

_STRICT = ConfigDict(extra="forbid", strict=True)
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Place(BaseModel):
    """One place of a list."""

    place: int
    item: str
    relevance: float = Field(description="how probable it is that the item is taken if it is looked at")
    reason: str = Field(description="why it stands here, for the user to read")
    propensity: float | None = Field(description="how probable it was, given the places above, that it stands here")
    explored: bool = Field(description="whether it stands here to find out, and not because of its relevance")


class Listed(BaseModel):
    """A list for a user."""

    list_id: str = Field(description="POST /v1/lists/{list_id}/clicks says what was clicked")
    written: datetime = Field(description="when it was in the log")
    run: str = Field(description="the run that made the ranker")
    known: bool = Field(description="false: nothing is known of this user, and the list is what new users get")
    places: list[Place]


class Clicks(BaseModel):
    """What a user clicked of a list; none: the list was looked at, and nothing was clicked."""

    model_config = _STRICT
    items: list[Name] = Field(max_length=MANY, description="items of the list")


BODIES: dict[str, type[BaseModel]] = {"clicks": Clicks}
"""What is sent, by operation."""


class Lists:
    """The endpoints, over the lists that are served now. What computes or waits for the database is in a thread."""

    def __init__(self, door: Admission, behind: Deciding, database: Engine, writer: Writer) -> None:
        self._door, self._behind, self._database, self._writer = door, behind, database, writer
        self._scenario = behind.scenario
        self._taken: dict[str, list[str]] = {}
        self._day: date | None = None
        self._lock = threading.Lock()

    async def user_list(
        self,
        request: Request,
        user: Annotated[Name, Path()],
        places: Annotated[int | None, Query(ge=1, le=MANY)] = None,
        taken: Annotated[tuple[Name, ...], Query(max_length=MANY)] = (),
    ) -> Response:
        """Return a user's list, best first; `taken`: items that they took and the agent has not seen, oldest first.

        The same user has the same list all day, whichever worker answers: what is clicked today counts from tomorrow.
        """
        caller = await self._customer(request)
        return _json(await to_thread.run_sync(self._listed, user, places, taken, caller), 200)

    async def clicks(self, request: Request, id: Annotated[Id, Path()]) -> Response:
        """Write down what was clicked of a list; from tomorrow on it is part of what is known of the user."""
        caller, once = await self._customer(request), idempotency(request)
        body = await self._door.body(request)
        try:
            said: Clicks = TypeAdapter(Clicks).validate_json(body)
        except ValidationError as error:
            raise misfit(error) from None
        digest = hashlib.sha256(body).hexdigest()
        key = once and f"{caller.name}\n{once}\nclicks"
        return _json(await to_thread.run_sync(self._clicked, id, said.items, caller, key, digest), 201)

    async def _customer(self, request: Request) -> Caller:
        caller = await self._door.admit(request, "caller", "admin")
        await self._door.allow(caller, 1)
        return caller

    def _listed(self, user: str, places: int | None, taken: tuple[str, ...], caller: Caller) -> Listed:
        listing, versions = self._behind.listing()
        task = self._scenario.task
        assert isinstance(task, Ranking), "only a ranking has lists"
        name = (
            personal_data.pseudonym(user, self._scenario.name) if task.query in self._scenario.source.personal else user
        )
        day = today()
        history = [*listing.taken(name), *self._clicked_before(day).get(name, ()), *taken]
        made = listing.make(name, history, day, places or task.places)
        entry = list_log.listed(made, name, bool(history), caller.name, versions)
        stored = self._stored(entry)
        shown = [
            Place(place=number, reason=reason, **{part: fact[part] for part in _FACTS})
            for number, (fact, reason) in enumerate(
                zip(entry.facts["places"], (entry.payload or {})["reasons"], strict=True), 1
            )
        ]
        return Listed(list_id=stored.id, written=stored.written, run=versions["run"], known=bool(history), places=shown)

    def _clicked(self, id: str, items: list[str], caller: Caller, key: str | None, digest: str) -> Received:
        shown = reader.find(self._database, self._behind.name, id)
        own = shown is not None and (caller.role != "caller" or shown.facts.get("caller") == caller.name)
        if shown is None or shown.kind != list_log.KIND or not own:
            raise Refused(404, "There is no such list, or it is another caller's.")
        if strange := set(items) - {place["item"] for place in shown.facts["places"]}:
            raise Refused(422, f"{len(strange)} of these items did not stand in this list; name items as it does.")
        stored = self._stored(list_log.clicked(shown, items, caller.name, key, digest))
        if stored.duplicate and (stored.payload or {"request": digest}).get("request") != digest:
            raise Refused(422, "This Idempotency-Key came with another body before; take a new one for each request.")
        return Received(id=stored.id, decision_id=id, written=stored.written)

    def _clicked_before(self, day: date) -> Mapping[str, list[str]]:
        """Return what users clicked on days before, as the log has it; read once a day."""
        with self._lock:
            if self._day != day:
                since = self._day or day - timedelta(days=self._scenario.decisions.served_days)
                found = reader.entries(self._database, self._behind.name, kinds=("feedback",), since=_midnight(since))
                taken = {user: list(items) for user, items in self._taken.items()}
                for stored in found:
                    if stored.written < _midnight(day) and stored.payload and (items := list_log.clicks(stored)):
                        taken.setdefault(stored.payload["user"], []).extend(items)
                self._taken, self._day = taken, day
            return self._taken

    def _stored(self, entry: Entry) -> Stored:
        future: Future[list[Stored]] = self._writer.append([entry])
        try:
            (stored,) = future.result(self._scenario.service.answer_seconds)
        except TimeoutError:
            raise Refused(503, "Not stored in time; ask again.", COME_BACK) from None
        return stored


_FACTS = ("item", "relevance", "propensity", "explored")


def today() -> date:
    """Return the day (UTC) for which lists are made."""
    return datetime.now(UTC).date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _json(value: BaseModel, status: int) -> Response:
    return Response(to_json(value), status, media_type="application/json")

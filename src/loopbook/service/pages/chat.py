"""Chat page: a customer asks, reads answers with their sources, chooses what was meant, gets a person, and rates."""

import secrets
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import FastAPI, Path, Request, Response

from loopbook.desk.records import WAITS, Recorded
from loopbook.service.conversations import LONGEST, Conversations
from loopbook.service.errors import Refused
from loopbook.service.keys import Caller
from loopbook.service.limits import Allowance
from loopbook.service.pages import rendering, transcript
from loopbook.service.pages.people import People
from loopbook.service.schemas import Id

ROLES = ("caller", "admin")
_EARLIER = 10
_PARTS = {"cited": transcript.cited, "passages": transcript.passages}
_SHOWN = (409, 422)  # refusals that are told on the page, beside what was written


def routes(app: FastAPI, people: People, talks: Conversations) -> None:
    """Serve ``/chat``."""
    pages = _Chat(people, talks)
    for method, path, endpoint in (
        ("GET", "/chat", pages.begin),
        ("POST", "/chat", pages.first),
        ("GET", "/chat/{id}", pages.show),
        ("POST", "/chat/{id}", pages.say),
        ("POST", "/chat/{id}/rating", pages.rate),
        ("POST", "/chat/{id}/close", pages.close),
    ):
        app.add_api_route(path, endpoint, methods=[method], include_in_schema=False)


class _Chat:
    """The page and its forms; what waits for the database is done in a thread."""

    def __init__(self, people: People, talks: Conversations) -> None:
        settings = people.scenario.service
        self._people, self._talks = people, talks
        self._allowance = Allowance(
            people.database, people.agent, settings.decisions_per_second, settings.burst_seconds
        )

    async def begin(self, request: Request) -> Response:
        """Show the form for a first question, and the conversations before."""
        caller = await self._people.person(request, *ROLES)
        return await self._shown(request, caller, None)

    async def first(self, request: Request) -> Response:
        """Begin a conversation with what is asked."""
        caller, sent = await self._people.form(request, *ROLES)
        once = sent.get("once") or secrets.token_hex(16)
        try:
            opened = partial(self._talks.open, caller, rendering.language(request), once)
            found = await to_thread.run_sync(opened)
            return await self._said(caller, found.id, sent, once)
        except Refused as refused:
            return await self._again(request, caller, None, sent, refused)

    async def show(self, request: Request, id: Annotated[Id, Path()]) -> Response:
        """Show a conversation."""
        caller = await self._people.person(request, *ROLES)
        found = await to_thread.run_sync(self._talks.read, id, caller)
        return await self._shown(request, caller, found)

    async def say(self, request: Request, id: Annotated[Id, Path()]) -> Response:
        """Take what the customer writes; the desk replies before the page comes back."""
        caller, sent = await self._people.form(request, *ROLES)
        try:
            return await self._said(caller, id, sent, sent.get("once") or None)
        except Refused as refused:
            return await self._again(request, caller, id, sent, refused)

    async def rate(self, request: Request, id: Annotated[Id, Path()]) -> Response:
        """Take a rating."""
        caller, sent = await self._people.form(request, *ROLES)
        rating = sent.get("rating", "")
        if rating not in set("12345"):
            refused = Refused(422, "Choose a number from 1 to 5.")
            return await self._again(request, caller, id, sent, refused)
        await to_thread.run_sync(self._talks.rate, id, caller, int(rating), sent.get("comment", ""))
        return self._people.go(f"/chat/{id}")

    async def close(self, request: Request, id: Annotated[Id, Path()]) -> Response:
        """End the conversation."""
        caller, _ = await self._people.form(request, *ROLES)
        await to_thread.run_sync(self._talks.close, id, caller)
        return self._people.go(f"/chat/{id}")

    async def _said(self, caller: Caller, id: str, sent: Mapping[str, str], once: str | None) -> Response:
        if not self._allowance.take(caller.name, 1):
            await to_thread.run_sync(self._allowance.lease, caller.name, 1)
        await self._talks.say(id, caller, sent.get("text", ""), "person" in sent, once)
        return self._people.go(f"/chat/{id}#last")

    async def _again(
        self, request: Request, caller: Caller, id: str | None, sent: Mapping[str, str], refused: Refused
    ) -> Response:
        """Show the page once more, with what was wrong and what was written."""
        if refused.status not in _SHOWN:
            raise refused
        found = None if id is None else await to_thread.run_sync(self._talks.read, id, caller)
        return await self._shown(request, caller, found, refused.status, refused.detail, sent.get("text", ""))

    async def _shown(
        self,
        request: Request,
        caller: Caller,
        found: Recorded | None,
        status: int = 200,
        wrong: str = "",
        draft: str = "",
    ) -> Response:
        values = await to_thread.run_sync(self._values, caller, found, rendering.language(request))
        about = {"wrong": wrong, "draft": draft, "once": secrets.token_hex(16), "longest": LONGEST}
        return self._people.respond(request, "chat.html.j2", status, **values, **about)

    def _values(self, caller: Caller, found: Recorded | None, language: str) -> dict[str, Any]:
        """Return what the page shows."""
        desk = self._talks.desk
        if found is None:
            earlier = [
                (talk, next((line.text for line in said if line.by == "customer" and line.text), ""))
                for talk in self._talks.latest(caller, _EARLIER)
                if (said := transcript.lines(talk, desk, language))
            ]
            return {"talk": None, "lines": [], "earlier": earlier, "held": False, "minutes": None}
        minutes = self._talks.minutes(found.id) if found.state == WAITS else None
        lines = transcript.lines(found, desk, language)
        held = self._talks.holder(found.id) is not None
        return {"talk": found, "lines": lines, **_PARTS, "earlier": [], "held": held, "minutes": minutes}

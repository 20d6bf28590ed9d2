"""Desk page: conversations that were handed over, the longest wait first; a person takes one, writes, and ends it."""

import secrets
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import FastAPI, Path, Request, Response

from loopbook.desk import records
from loopbook.desk.records import ANSWERED, WAITS, Recorded
from loopbook.service.conversations import LONGEST, Conversations
from loopbook.service.errors import Refused
from loopbook.service.keys import Caller
from loopbook.service.pages import rendering, transcript
from loopbook.service.pages.people import People
from loopbook.service.schemas import Id

ROLES = ("reviewer", "admin")
_MOST = 50  # conversations of a list
_PARTS = {"cited": transcript.cited, "passages": transcript.passages}
_SHOWN = (409, 422)


def routes(app: FastAPI, people: People, talks: Conversations) -> None:
    """Serve ``/desk``."""
    pages = _TakeOver(people, talks)
    for method, path, endpoint in (
        ("GET", "/desk", pages.queue),
        ("GET", "/desk/{id}", pages.show),
        ("POST", "/desk/{id}/take", pages.take),
        ("POST", "/desk/{id}", pages.write),
        ("POST", "/desk/{id}/release", pages.release),
        ("POST", "/desk/{id}/close", pages.close),
    ):
        app.add_api_route(path, endpoint, methods=[method], include_in_schema=False)


class _TakeOver:
    """The page and its forms; what waits for the database is done in a thread."""

    def __init__(self, people: People, talks: Conversations) -> None:
        self._people, self._talks = people, talks

    async def queue(self, request: Request) -> Response:
        """Show who waits for a person."""
        caller = await self._people.person(request, *ROLES)
        values = await to_thread.run_sync(self._waiting, caller, rendering.language(request))
        return self._people.respond(request, "take_over.html.j2", talk=None, **values)

    async def show(self, request: Request, id: Annotated[Id, Path()]) -> Response:
        """Show a conversation; who has it in hand can write, and holds it for longer by looking."""
        caller = await self._people.person(request, *ROLES)
        return await self._shown(request, caller, id)

    async def take(self, request: Request, id: Annotated[Id, Path()]) -> Response:
        """Take a conversation over."""
        caller, _ = await self._people.form(request, *ROLES)
        try:
            await to_thread.run_sync(self._talks.take, id, caller)
        except Refused as refused:
            return await self._again(request, caller, id, "", refused)
        return self._people.go(f"/desk/{id}#last")

    async def write(self, request: Request, id: Annotated[Id, Path()]) -> Response:
        """Send the customer what a person writes."""
        caller, sent = await self._people.form(request, *ROLES)
        text, token, once = (sent.get(name, "") for name in ("text", "token", "once"))
        try:
            await to_thread.run_sync(self._talks.write, id, caller, text, token, once or None)
        except Refused as refused:
            return await self._again(request, caller, id, text, refused)
        return self._people.go(f"/desk/{id}#last")

    async def release(self, request: Request, id: Annotated[Id, Path()]) -> Response:
        """Give a conversation back: somebody else may take it."""
        caller, sent = await self._people.form(request, *ROLES)
        await to_thread.run_sync(self._talks.release, id, caller, sent.get("token", ""))
        return self._people.go("/desk")

    async def close(self, request: Request, id: Annotated[Id, Path()]) -> Response:
        """End a conversation, and say whether the question was answered."""
        caller, sent = await self._people.form(request, *ROLES)
        resolved = {"yes": True, "no": False}.get(sent.get("resolved", ""))
        try:
            work = partial(self._talks.close, id, caller, sent.get("token", ""), resolved)
            await to_thread.run_sync(work)
        except Refused as refused:
            return await self._again(request, caller, id, "", refused)
        return self._people.go("/desk")

    async def _again(self, request: Request, caller: Caller, id: str, draft: str, refused: Refused) -> Response:
        if refused.status not in _SHOWN:
            raise refused
        return await self._shown(request, caller, id, refused.status, refused.detail, draft)

    async def _shown(
        self, request: Request, caller: Caller, id: str, status: int = 200, wrong: str = "", draft: str = ""
    ) -> Response:
        values = await to_thread.run_sync(self._values, caller, id, rendering.language(request))
        about = {"wrong": wrong, "draft": draft, "once": secrets.token_hex(16), "longest": LONGEST}
        return self._people.respond(request, "take_over.html.j2", status, **values, **about)

    def _waiting(self, caller: Caller, language: str) -> dict[str, Any]:
        """Return the queue, what waits and what was answered; of each the customer's last words and who has it."""
        waits, answered = self._talks.waiting.refresh()
        held = {lease.decision_id: lease.reviewer for lease in self._talks.leases.all()}
        me, desk, now = self._talks.pseudonym(caller), self._talks.desk, datetime.now(UTC)

        def card(id: str) -> dict[str, Any]:
            found = self._talks.read(id, caller)
            said = [line for line in transcript.lines(found, desk, language) if line.by == "customer"]
            since = found.waits_since or found.entries[-1].written
            who = "" if id not in held else "me" if held[id] == me else "other"
            last = said[-1] if said else None
            waited = max(1, round((now - since).total_seconds() / 60))
            return {"id": id, "last": last, "state": found.state, "waited": waited, "who": who, "why": _why(found)}

        cards = [card(id) for id in [*list(waits)[:_MOST], *list(answered)[:_MOST]]]
        parts = {state: [one for one in cards if one["state"] == state] for state in (WAITS, ANSWERED)}
        return {"waits": parts[WAITS], "answered": parts[ANSWERED], "many": len(waits)}

    def _values(self, caller: Caller, id: str, language: str) -> dict[str, Any]:
        """Return what the page shows of a conversation."""
        found, user = self._talks.read(id, caller), self._talks.pseudonym(caller)
        held = self._talks.holder(id)
        mine = held if held is not None and held.reviewer == user else None
        if mine is not None:
            self._talks.renew(id, user, mine.token)
        about = {"lease": mine, "other": held is not None and mine is None, "why": _why(found)}
        return {"talk": found, "lines": transcript.lines(found, self._talks.desk, language), **_PARTS, **about}


def _why(found: Recorded) -> dict[str, Any]:
    """Return why a conversation was handed over: the desk's reasons, or the cause where the desk did not decide so."""
    handed = [stored for stored in found.entries if stored.facts.get("act") == "hand_over"]
    if not handed:
        return {"cause": "", "reasons": ()}
    return {"cause": handed[-1].facts.get("why", ""), "reasons": records.reply(handed[-1]).reasons}

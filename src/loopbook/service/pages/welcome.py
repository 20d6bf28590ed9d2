"""The first page: what there is to do for whoever is signed in, and how to begin; and help."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request, Response

from loopbook.decisions.audit import log_query
from loopbook.decisions.audit.log_query import Filter
from loopbook.service.conversations import Conversations
from loopbook.service.keys import ROLES, Caller
from loopbook.service.pages.people import People
from loopbook.service.pages.queue import Queue

_REVIEWS = ("reviewer", "admin")


def routes(app: FastAPI, people: People, queue: Queue, talks: Conversations | None) -> None:
    """Serve ``/`` and ``/help``."""

    async def home(request: Request) -> Response:
        caller = await people.person(request, *ROLES)
        standing = await to_thread.run_sync(_standing, people, queue, talks, caller)
        return people.respond(request, "home.html.j2", about=people.scenario.description, **standing)

    async def help(request: Request) -> Response:
        await people.person(request, *ROLES)
        return people.respond(request, "help.html.j2")

    app.add_api_route("/", home, methods=["GET"], include_in_schema=False)
    app.add_api_route("/help", help, methods=["GET"], include_in_schema=False)


def _standing(people: People, queue: Queue, talks: Conversations | None, caller: Caller) -> dict[str, Any]:
    """Return what a person is told first; callers see nothing of others' decisions."""
    standing: dict[str, Any] = {"waiting": None, "mine": [], "alerts": [], "day": None, "customers": 0}
    if caller.role in _REVIEWS:
        reviewer = queue.reviewer(caller.name)
        day = Filter(since=datetime.now(UTC) - timedelta(days=1))
        bars = log_query.counts(people.database, people.agent, day).bars.values()
        counted = sum(map(Counter, bars), Counter[str]())
        standing |= {"waiting": queue.waiting(reviewer), "mine": queue.recent(reviewer, 1)}
        standing |= {"alerts": people.alerts(), "day": counted}
        standing["customers"] = len(talks.waiting.refresh()[0]) if talks is not None else 0
    return standing

"""Review page: the queue in a browser, by keyboard; and its JSON interface, which scripts may use by an API key."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import FastAPI, Path, Request, Response
from pydantic_core import to_json

from loopbook.feedback import reviewing
from loopbook.scenario.task import Number
from loopbook.service.errors import Refused
from loopbook.service.keys import Caller
from loopbook.service.pages import labels
from loopbook.service.pages.marking import marked
from loopbook.service.pages.people import People
from loopbook.service.pages.queue import Queue
from loopbook.service.pages.review_wire import ReviewWire, histories, told
from loopbook.service.schemas import Id

ROLES = ("reviewer", "admin")
_RECENT = 8


def routes(app: FastAPI, people: People, queue: Queue) -> None:
    """Give an application the review queue."""
    wire = ReviewWire(people.scenario)
    labels.routes(app, people, queue, wire)
    pages = _Review(people, queue, wire)
    for method, path, endpoint in (
        ("GET", "/review", pages.show),
        ("POST", "/review/next", pages.next),
        ("POST", "/review/undo", pages.undo_last),
        ("GET", "/review/mine", pages.mine),
        ("GET", "/review/{id}", pages.item),
        ("POST", "/review/{id}", pages.answer),
        ("POST", "/review/{id}/undo", pages.undo),
        ("GET", "/review/{id}/reasons", pages.reasons),
    ):
        app.add_api_route(path, endpoint, methods=[method], include_in_schema=False)


class _Review:
    """The endpoints; what waits for the database is done in a thread."""

    def __init__(self, people: People, queue: Queue, wire: ReviewWire) -> None:
        self._people, self._queue, self._wire = people, queue, wire

    async def next(self, request: Request) -> Response:
        """Put the next item into a reviewer's hands, or the one that is in them; `item` is null if there is none."""
        caller, _ = await self._people.sent(request, *ROLES)
        reviewer = self._queue.reviewer(caller.name)

        def found() -> dict[str, Any]:
            shown = self._queue.next(reviewer)
            item = None if shown is None else self._wire.shown(self._queue, shown)
            return {"item": item, "waiting": self._queue.waiting(reviewer)}

        return _json(await to_thread.run_sync(found))

    async def show(self, request: Request) -> Response:
        """Show the page with an item that is now in the reviewer's hands; with ``?why=1`` also what moved the score."""
        caller = await self._people.person(request, *ROLES)
        why = request.query_params.get("why") == "1"
        values = await to_thread.run_sync(self._values, self._queue.reviewer(caller.name), why)
        return self._people.respond(request, "review.html.j2", **values)

    async def answer(self, request: Request, id: Annotated[Id, Path()]) -> Response:
        """Store what a reviewer says of an item; sent again with the same token, it is stored once."""
        caller, sent = await self._posted(request)
        reviewer = self._queue.reviewer(caller.name)

        def stored() -> dict[str, Any]:
            said = self._wire.read(sent)
            item = self._queue.item(id)
            if item is None:
                raise Refused(404, "There is no such decision to review.")
            review = self._wire.review(item, said, reviewer)
            return self._wire.answered(self._queue.answer(id, said["token"], review, caller.name, {}))

        found = await to_thread.run_sync(stored)
        return self._people.go("/review") if _is_form(request) else _json(found, 201)

    async def undo(self, request: Request, id: Annotated[Id, Path()]) -> Response:
        """Take back what the reviewer said of an item."""
        return await self._undone(request, id)

    async def undo_last(self, request: Request) -> Response:
        """Take back the reviewer's last answer."""
        return await self._undone(request, None)

    async def mine(self, request: Request) -> Response:
        """List the reviewer's latest answers, the latest last."""
        reviewer = self._queue.reviewer((await self._people.person(request, *ROLES)).name)
        found = await to_thread.run_sync(self._queue.recent, reviewer, _RECENT)
        return _json([self._wire.answered(answered) for answered in found])

    async def item(self, request: Request, id: Annotated[Id, Path()]) -> Response:
        """Show an item; what reviewers said of it is told once nobody is asked any more."""
        await self._people.person(request, *ROLES)

        def found() -> dict[str, Any]:
            item = self._queue.item(id)
            if item is None:
                raise Refused(404, "There is no such decision to review.")
            entries = self._queue.entries(id)
            said = reviewing.standing_reviews(entries)
            standing = self._queue.standing(id, said)
            shown = self._wire.item(self._queue, item) | {"state": standing.state, "settled": None, "history": []}
            if standing.state != reviewing.OPEN:
                shown |= {"settled": standing.meant, "history": histories(entries)}
            return shown

        return _json(await to_thread.run_sync(found))

    async def reasons(self, request: Request, id: Annotated[Id, Path()]) -> Response:
        """Explain the decision on an item within the service's time limit."""
        await self._people.person(request, *ROLES)

        def explained() -> Any:
            item = self._queue.item(id)
            if item is None:
                raise Refused(404, "There is no such decision to review.")
            return self._people.explained(item)

        return _json(await to_thread.run_sync(explained))

    async def _undone(self, request: Request, id: str | None) -> Response:
        caller, _ = await self._posted(request)
        review = await to_thread.run_sync(self._queue.undo, self._queue.reviewer(caller.name), caller.name, id)
        return self._people.go("/review") if _is_form(request) else _json(told(review))

    async def _posted(self, request: Request) -> tuple[Caller, Any]:
        """Return who sends something, and it, as JSON has it."""
        if not _is_form(request):
            return await self._people.sent(request, *ROLES)
        caller, fields = await self._people.form(request, *ROLES)
        return caller, self._wire.from_form(fields)

    def _values(self, reviewer: str, why: bool) -> dict[str, Any]:
        """Return what the page shows."""
        shown, task = self._queue.next(reviewer), self._people.scenario.task
        values: dict[str, Any] = {"waiting": self._queue.waiting(reviewer), "units": task.units, "item": None}
        values |= {"mine": self._queue.recent(reviewer, _RECENT)[::-1], "fields": task.fields}
        if shown is None:
            return values
        item = self._wire.shown(self._queue, shown)
        explained, unexplained = None, ""
        if why:
            try:
                explained = self._people.explained(shown.item)
            except Refused as refused:
                unexplained = refused.detail
        parts = explained["parts"] if explained else []
        texts = {name: marked(str(item["fields"].get(name) or ""), name, parts) for name in task.text_fields}
        beside = {name: value for name, value in item["fields"].items() if name not in texts} | item["attributes"]
        ranked = sorted(item["scores"].items(), key=lambda pair: -pair[1])
        values |= {"item": item, "pieces": texts, "beside": beside, "ranked": ranked}
        values["moved"] = "value" if isinstance(task, Number) else "lead" if len(ranked) > 2 else "probability"
        return values | {"explained": explained, "unexplained": unexplained, "number": isinstance(task, Number)}


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def _json(value: Any, status: int = 200) -> Response:
    return Response(to_json(value), status, media_type="application/json")

"""Labels in and out as Label Studio's JSON: what waits or was reviewed, and what was annotated there; for admins."""

from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request, Response
from pydantic_core import to_json

from loopbook.feedback import label_studio, reviewing
from loopbook.feedback.reviewing import IMPORTED
from loopbook.scenario.errors import DataError
from loopbook.service.errors import Refused
from loopbook.service.pages.people import People
from loopbook.service.pages.queue import Queue
from loopbook.service.pages.review_wire import ReviewWire

_SHOWN = 50
"""Refused annotations that are listed."""


def routes(app: FastAPI, people: People, queue: Queue, wire: ReviewWire) -> None:
    """Serve ``/review/labels``: whoever may hand in answers under other names, or see them all, is an admin."""

    async def out(request: Request) -> Response:
        """Return tasks: those that wait, with predictions; with ``?reviewed=1`` those that were reviewed."""
        await people.person(request, "admin")
        reviewed = request.query_params.get("reviewed") == "1"
        found = await to_thread.run_sync(queue.reviewed if reviewed else queue.open)
        tasks = label_studio.tasks(people.scenario, *found)
        return _file(to_json(tasks), "application/json", "label-studio-tasks.json")

    async def config(request: Request) -> Response:
        """Return the labelling configuration that fits them."""
        await people.person(request, "admin")
        items, _ = await to_thread.run_sync(queue.open)
        classes = dict.fromkeys(name for item in items for name in reviewing.classes(people.scenario, item.facts))
        outputs = {name: output.classes for name, output in people.scenario.task.also.items()}
        text = label_studio.config(people.scenario, outputs, list(classes) or people.scenario.task.label.classes)
        return _file(text.encode(), "application/xml", "label-studio-config.xml")

    async def taken(request: Request) -> Response:
        """Store annotations as reviews; what says nothing new is counted, and what cannot be one is told."""
        caller, sent = await people.sent(request, "admin")
        return Response(to_json(await to_thread.run_sync(store, sent, caller.name)), media_type="application/json")

    def store(sent: Any, caller: str) -> dict[str, Any]:
        try:
            annotations = label_studio.read(sent, people.scenario)
        except DataError as error:
            raise Refused(422, str(error)) from None
        stored = before = 0
        refused: list[dict[str, Any]] = []
        for number, (id, who, said) in enumerate(annotations, 1):
            try:
                item = queue.item(id)
                if item is None:
                    raise Refused(404, "There is no such decision to review.")
                if queue.take_in(wire.review(item, said, who, IMPORTED), caller):
                    stored += 1
                else:
                    before += 1
            except Refused as error:
                refused.append({"annotation": number, "what": error.detail})
        return {"stored": stored, "before": before, "refused": len(refused), "why": refused[:_SHOWN]}

    for method, path, endpoint in (
        ("GET", "/review/labels", out),
        ("GET", "/review/labels.xml", config),
        ("POST", "/review/labels", taken),
    ):
        app.add_api_route(path, endpoint, methods=[method], include_in_schema=False)


def _file(body: bytes, media: str, name: str) -> Response:
    return Response(body, media_type=media, headers={"Content-Disposition": f'attachment; filename="{name}"'})

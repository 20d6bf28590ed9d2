"""Try it: type what the agent reads, see what it decides and why."""

import asyncio
import json
import secrets
from collections.abc import Mapping
from typing import Any

import pandas as pd
from anyio import to_thread
from fastapi import FastAPI, Request, Response

from loopbook.data import parsing
from loopbook.decisions.audit import reader
from loopbook.decisions.audit.entry import Stored
from loopbook.service.deciding import Asked, Unanswerable
from loopbook.service.errors import Refused
from loopbook.service.keys import Caller
from loopbook.service.limits import Allowance
from loopbook.service.pages.marking import marked
from loopbook.service.pages.people import People
from loopbook.service.schemas import Wire

ROLES = ("caller", "admin")
_FIELD = "field."  # what names of input fields begin with in the form, for a field may have any name


def routes(app: FastAPI, people: People) -> None:
    """Serve ``/try``: the form, and with ``?decision=`` what was decided."""
    settings, wire = people.scenario.service, Wire(people.scenario)
    allowance = Allowance(people.database, people.agent, settings.decisions_per_second, settings.burst_seconds)

    async def show(request: Request) -> Response:
        caller = await people.person(request, *ROLES)
        id = request.query_params.get("decision")
        if id is None:
            return _form(people, request, {})
        found = await to_thread.run_sync(_shown, people, caller, id)
        return _form(people, request, found["fields"], shown=found)

    async def decide(request: Request) -> Response:
        caller, sent = await people.form(request, *ROLES)
        try:
            series = getattr(people.scenario.source, "series", None)
            asks = (
                {"readings": _readings(sent, people.scenario.source)} if series else {"fields": _fields(people, sent)}
            )
            requests, _, digest = wire.requests(json.dumps(asks).encode())
            if not allowance.take(caller.name, 1):
                await to_thread.run_sync(allowance.lease, caller.name, 1)
            asked = Asked(requests, caller.name, sent.get("once") or None, digest)
            stored = await asyncio.wait_for(asyncio.wrap_future(people.behind.decide(asked)), settings.answer_seconds)
        except Unanswerable as error:
            return _form(people, request, sent, status=422, wrong=[{"where": "", "what": str(error)}])
        except Refused as refused:
            if refused.status != 422:
                raise
            wrong = refused.errors or [{"where": "", "what": refused.detail}]
            return _form(people, request, sent, status=422, wrong=wrong)
        except TimeoutError:
            raise Refused(503, "Not answered in time; send the form again: it is decided once.") from None
        return people.go(f"/try?decision={stored[0].id}")

    app.add_api_route("/try", show, methods=["GET"], include_in_schema=False)
    app.add_api_route("/try", decide, methods=["POST"], include_in_schema=False)


def _form(people: People, request: Request, given: Mapping[str, Any], status: int = 200, **values: Any) -> Response:
    """Return the page: the form filled with what was given, what was wrong with it, or what was decided."""
    task, series = people.scenario.task, getattr(people.scenario.source, "series", None)
    filled = {name: given.get(name, given.get(_FIELD + name)) for name in task.fields}
    fields = [(_FIELD + name, name, kind, filled[name]) for name, kind in task.fields.items()]
    known: dict[str, Any] = {"wrong": [], "shown": None, "sensors": series and series.names}
    known["readings"] = given.get("readings", "")
    once = secrets.token_hex(16)
    return people.respond(request, "try_it.html.j2", status, fields=fields, once=once, **{**known, **values})


def _fields(people: People, sent: Mapping[str, str]) -> dict[str, Any]:
    """Return the input fields of a form, as a program would send them.

    Raises
    ------
    Refused
        If a number is none.
    """
    found: dict[str, Any] = {}
    for name, kind in people.scenario.task.fields.items():
        text = sent.get(_FIELD + name, "").strip()
        if kind == "number" and text:
            try:
                found[name] = float(text)
            except ValueError:
                raise Refused(422, "", errors=[{"where": name, "what": "this is no number, such as 1.5"}]) from None
        else:
            found[name] = text if text or kind == "text" else None
    return found


def _readings(sent: Mapping[str, str], source: Any) -> list[dict[str, Any]]:
    """Return the readings of a form, lines of a csv file as the source has them, as a program would send them.

    Raises
    ------
    Refused
        If a line does not have a time and a number for each sensor, or nothing where there is none.
    """
    found, header = [], ["time", *source.series.names]
    for number, line in enumerate(sent.get("readings", "").splitlines(), 1):
        cells = [cell.strip() for cell in line.split(",")]
        if not line.strip() or ",".join(cells) == ",".join(header):
            continue
        try:
            (time, *values) = cells
            read = [float(value) if value else None for value in values]
            found.append(dict(zip(header, [time, *read], strict=True)))
        except ValueError:
            wrong = {"where": f"line {number}", "what": f"this is not {','.join(header)}"}
            raise Refused(422, "", errors=[wrong]) from None
    times, _ = parsing.times(pd.Series([reading["time"] for reading in found], dtype=object), source.time_formats)
    moments = [None if pd.isna(time) else time.isoformat() for time in times]
    return [reading | {"time": moment or reading["time"]} for reading, moment in zip(found, moments, strict=True)]


def _shown(people: People, caller: Caller, id: str) -> dict[str, Any]:
    """Return a decision that was tried and why it came out so; one of somebody else is not there."""
    stored = reader.find(people.database, people.agent, id[:64])
    own = stored is not None and stored.kind == "decision" and stored.facts.get("caller") == caller.name
    if stored is None or not own:
        raise Refused(404, "There is no such decision of yours; try again.")
    facts, fields = stored.facts, dict((stored.payload or {}).get("fields", {}))
    explained, unexplained = _explained(people, stored)
    parts = explained.get("parts", ())
    texts = people.scenario.task.text_fields
    return {
        "id": stored.id,
        "facts": facts,
        "fields": fields,
        "ranked": sorted(facts.get("scores", {}).items(), key=lambda pair: -pair[1]),
        "pieces": {name: marked(str(fields.get(name) or ""), name, parts) for name in texts},
        "parts": parts[:8],
        "complete": explained.get("complete", True),
        "unexplained": unexplained,
    }


def _explained(people: People, stored: Stored) -> tuple[Mapping[str, Any], str]:
    try:
        return people.explained(stored), ""
    except Refused as refused:
        return {}, refused.detail

"""The decision explorer: what was decided, filtered, charted, exported; and one decision with what was said of it."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import FastAPI, Path, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from loopbook.decisions.audit import entry, log_query, reader
from loopbook.decisions.audit.entry import LogError, Stored
from loopbook.decisions.audit.log_query import Counts, Cursor, Filter
from loopbook.decisions.rules import REVIEW
from loopbook.feedback import reviewing
from loopbook.reports import chart
from loopbook.requirements import interface
from loopbook.scenario.contract import Scenario
from loopbook.service.errors import Refused
from loopbook.service.pages import exporting
from loopbook.service.pages.marking import marked
from loopbook.service.pages.people import People
from loopbook.service.schemas import Id

ROLES = ("reviewer", "admin")
FIELDS = ("since", "before", "action", "answer", "low", "high", "segment", "value", "text", "run", "reviewed")
"""What the form asks for, and what the address of a page says."""

_PANELS = 6  # actions that have a chart of their own
_STEPS = {10: timedelta(days=1), 13: timedelta(hours=1), 16: timedelta(minutes=1)}
_BACK = {"Retry-After": "5"}


class Unclear(ValueError):
    """A value of the form that is none; the text that says so, and the value."""


def routes(app: FastAPI, people: People) -> None:
    """Serve ``/decisions``, its exports, and each decision."""
    pages = _Pages(people)
    for path, page in (
        ("/decisions", pages.show),
        ("/decisions/export.{kind}", pages.export),
        ("/decisions/{id}", pages.one),
    ):
        app.add_api_route(path, page, methods=["GET"], include_in_schema=False)


class _Pages:
    """The pages; what waits for the database is done in a thread."""

    def __init__(self, people: People) -> None:
        self._people, self._exporting = people, threading.BoundedSemaphore(1)

    async def show(self, request: Request) -> Response:
        """Show a page of decisions, and how many there are over time."""
        await self._people.person(request, *ROLES)
        given = {name: value for name in FIELDS if (value := request.query_params.get(name, "").strip())}
        scenario, wrong = self._people.scenario, None
        values: dict[str, Any] = {"given": given, "columns": _segments(scenario), "units": scenario.task.units}
        values |= {"actions": _actions(scenario), "classes": scenario.task.label.classes, "page": None}
        try:
            wanted = read(given, scenario)
            after = request.query_params.get("after", "")
            place = Cursor.read(after) if after else None
        except Unclear as error:
            wrong = error.args
        except LogError as error:
            raise Refused(404, str(error)) from None
        else:
            values |= await to_thread.run_sync(self._found, wanted, place)
        values |= {"query": urlencode(given), "after": request.query_params.get("after"), "wrong": wrong}
        return self._people.respond(request, "explorer.html.j2", 422 if wrong else 200, **values)

    async def export(self, request: Request, kind: Annotated[str, Path()]) -> Response:
        """Send all decisions that a filter means, as they are found; the act stands in the log."""
        caller = await self._people.person(request, *ROLES)
        if kind not in exporting.KINDS:
            raise Refused(404, "Exports are /decisions/export.csv and /decisions/export.jsonl.")
        try:
            wanted = read({name: request.query_params.get(name, "").strip() for name in FIELDS}, self._people.scenario)
        except Unclear as error:
            raise Refused(422, f"{error.args[1]!r} is no value for {error.args[0]}.") from None
        if not self._exporting.acquire(blocking=False):
            raise Refused(503, "Another export is under way; ask again in a few seconds.", _BACK)
        note = entry.admin("exported", by=caller.name, key_id=caller.key_id, format=kind, filters=list(wanted.used))
        try:
            await to_thread.run_sync(self._people.writer.append([note]).result)
        except BaseException:
            self._exporting.release()
            raise
        found = log_query.every(self._people.database, self._people.agent, wanted)
        lines = exporting.lines(kind, found, self._people.scenario)
        name = f"{self._people.scenario.name}-decisions.{kind}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return _Export(self._exporting.release, lines, media_type=exporting.KINDS[kind], headers=headers)

    async def one(self, request: Request, id: Annotated[Id, Path()], why: bool = False) -> Response:
        """Show one decision, what was said of it and, if asked, why it came out so."""
        await self._people.person(request, *ROLES)
        known = await to_thread.run_sync(reader.about, self._people.database, id, self._people.agent)
        stored = next((one for one in known if one.id == id and one.kind == "decision"), None)
        if stored is None:
            raise Refused(404, "There is no such decision.")
        explained, unexplained = None, ""
        if why:
            try:
                explained = await to_thread.run_sync(self._people.explained, stored)
            except Refused as refused:
                unexplained = refused.detail
        parts, payload = (explained or {}).get("parts", []), stored.payload or {}
        fields = payload.get("fields", {})
        texts = [name for name, kind in self._people.scenario.task.fields.items() if kind == "text"]
        values: dict[str, Any] = {"stored": stored, "facts": stored.facts, "explained": explained}
        values |= {"texts": {name: marked(str(fields.get(name) or ""), name, parts) for name in texts}}
        values |= {"beside": {**_without(fields, texts), **payload.get("attributes", {})}}
        values |= {"unexplained": unexplained, **_told(known, id, self._people.scenario)}
        return self._people.respond(request, "decision.html.j2", **values)

    def _found(self, wanted: Filter, after: Cursor | None) -> dict[str, Any]:
        """Return a page, and beside the first one the chart."""
        database, agent = self._people.database, self._people.agent
        found = log_query.page(database, agent, wanted, after)
        rows = [(stored, _shown(stored, self._people.scenario)) for stored in found.found]
        counted = log_query.counts(database, agent, wanted) if after is None else None
        panels = charts(counted) if counted else []
        runs = log_query.runs(database, agent)
        return {"page": found, "rows": rows, "counted": counted, "panels": panels, "runs": runs}


class _Export(StreamingResponse):
    """A response that is sent as it is made, and says when it has ended, also if the reader has left."""

    def __init__(self, ended: Callable[[], None], *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ended()


def read(given: Mapping[str, str], scenario: Scenario) -> Filter:
    """Return the filter that a form means.

    Raises
    ------
    Unclear
        If a value is none: its name, and the value.
    """
    segment = given.get("segment", "")
    if segment and segment not in _segments(scenario):
        raise Unclear("segment", segment)
    reviewed = given.get("reviewed", "")
    if reviewed not in ("", "yes", "no"):
        raise Unclear("reviewed", reviewed)
    return Filter(
        since=_moment(given, "since"),
        before=_moment(given, "before"),
        action=given.get("action", ""),
        answer=given.get("answer", ""),
        run=given.get("run", ""),
        low=_number(given, "low"),
        high=_number(given, "high"),
        segment=(segment, given.get("value", "")) if segment and given.get("value") else None,
        text=given.get("text", ""),
        text_fields=tuple(scenario.task.text_fields),
        reviewed={"yes": True, "no": False}.get(reviewed),
    )


def charts(counted: Counts) -> list[chart.Drawing]:
    """Return a line of decisions over time for each of the commonest actions, quiet times as zero."""
    if not counted.bars:
        return []
    stamps = sorted(counted.bars)
    width = len(stamps[0])
    first, last = (datetime.fromisoformat(stamp) for stamp in (stamps[0], stamps[-1]))
    step = _STEPS[width]
    times = [first + step * number for number in range(int((last - first) / step) + 1)]
    words = [time.isoformat(" ")[:width] for time in times]
    totals: dict[str, int] = {}
    for bar in counted.bars.values():
        for action, many in bar.items():
            totals[action] = totals.get(action, 0) + many
    ends = [(0.0, words[0]), *([(float(len(words) - 1), words[-1])] if len(words) > 1 else [])]
    drawn = []
    for action in sorted(totals, key=lambda name: (-totals[name], name))[:_PANELS]:
        series = [
            (float(at), float(counted.bars.get(word.replace(" ", "T"), {}).get(action, 0)), word)
            for at, word in enumerate(words)
        ]
        most = max(value for _, value, _ in series)
        said = f"{action}: {totals[action]}, {words[0]} – {words[-1]}, ≤ {most:g}"
        drawn.append(chart.lines(f"{action} ({totals[action]:,})", {action: series}, ends, said, (0.0, max(most, 1.0))))
    return [one for one in drawn if one is not None]


def _told(known: list[Stored], id: str, scenario: Scenario) -> dict[str, Any]:
    """Return what was said of a decision; what reviewers said only when none of them is asked any more."""
    reviews = reviewing.standing_reviews(known)
    twice = reviewing.twice(id, scenario.service.review_twice)
    waiting = bool(reviews) and reviewing.standing(reviews, twice).state == reviewing.OPEN
    said = [one for one in known if one.id != id and not one.facts.get("usage")]
    return {"said": [one for one in said if not (waiting and one.facts.get("review"))], "waiting": waiting}


def _shown(stored: Stored, scenario: Scenario) -> str:
    """Return the beginning of what was decided on; empty if it was forgotten."""
    fields = (stored.payload or {}).get("fields", {})
    names = scenario.task.text_fields or tuple(scenario.task.fields)[:4]
    told = [str(fields.get(name)) for name in names if fields.get(name) is not None]
    whole = " · ".join(told)
    return whole if len(whole) <= 140 else f"{whole[:139]}…"


def _segments(scenario: Scenario) -> tuple[str, ...]:
    """Return the columns that a segment can be of."""
    named = [name for name, kind in scenario.task.fields.items() if kind == "category"]
    return tuple(dict.fromkeys((*named, *interface.attributes(scenario))))


def _actions(scenario: Scenario) -> tuple[str, ...]:
    return (*interface.actions(scenario.task), REVIEW)


def _without(values: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _moment(given: Mapping[str, str], name: str) -> datetime | None:
    """Return a moment in UTC; a day is its beginning, and as an end it is meant whole."""
    text = given.get(name, "")
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        return found + timedelta(days=1) if name == "before" and len(text) == len("2027-01-31") else found
    except (ValueError, OverflowError) as error:
        raise Unclear(name, text) from error


def _number(given: Mapping[str, str], name: str) -> float | None:
    text = given.get(name, "")
    try:
        found = float(text) if text else None
    except ValueError as error:
        raise Unclear(name, text) from error
    if found is not None and not 0 <= found <= 1:
        raise Unclear(name, text)
    return found

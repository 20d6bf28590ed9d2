"""The agent by HTTP: one FastAPI application for one agent, over what stands behind it."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Annotated, Any

from anyio import to_thread
from fastapi import FastAPI, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from loopbook.decisions.audit import reader
from loopbook.decisions.audit.entry import LogError, Stored
from loopbook.decisions.audit.writer import Writer
from loopbook.requirements import interface
from loopbook.service import openapi
from loopbook.service.admission import Admission, idempotency
from loopbook.service.conversations import Conversations
from loopbook.service.conversing import Conversing
from loopbook.service.deciding import Asked, Busy, Deciding, Unanswerable
from loopbook.service.errors import COME_BACK, MEDIA, Refused, incident, problem
from loopbook.service.explained import Explanations
from loopbook.service.front import Front
from loopbook.service.keys import ROLES, Caller, Keyring
from loopbook.service.limits import Allowance
from loopbook.service.lists import Lists
from loopbook.service.metrics import Metrics
from loopbook.service.pages import routes as pages
from loopbook.service.pages.people import People
from loopbook.service.schemas import Id, Wire

_LARGE = 65_536  # bytes of a body from which it is read in a thread, for the others not to wait
_JSON = "application/json"


def create_app(
    behind: Deciding,
    database: Engine,
    writer: Writer,
    metrics: Metrics,
    *,
    alerts: Callable[[], list[str]] = list,
    encrypted: bool = False,
) -> FastAPI:
    """Return the application of one worker process.

    Parameters
    ----------
    behind
        The served agent, with its batching.
    database
        Of the log, and of what the workers share: keys and allowances.
    writer
        Of the log, for feedback.
    metrics
        Where it counts.
    alerts
        What is wrong with the service now, in sentences.
    encrypted
        Whether callers come by TLS.
    """
    data, scenario = behind.scenario.data, behind.scenario
    masks = tuple(data.phone_regions), tuple(data.identity_numbers)
    app = FastAPI(title=scenario.title, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.add_middleware(Front, metrics=metrics, encrypted=encrypted, masks=masks)
    keys = Keyring(database, behind.name)
    explained = Explanations(behind)
    people = People(behind, database, writer, keys, explained, alerts, encrypted)
    unstored = _unstored(masks)
    answers: dict[type[Exception], Any] = {
        Refused: _refused,
        HTTPException: _not_routed,
        RequestValidationError: _misfit,
        Busy: _come_back,
        Unanswerable: _unanswerable,
        LogError: unstored,
        SQLAlchemyError: unstored,
    }
    for kind, answer in answers.items():
        app.add_exception_handler(kind, people.in_page(answer))
    service = _Service(behind, database, writer, metrics, keys, explained, alerts)
    endpoints: dict[str, Any] = {name: getattr(service, name) for name in openapi.OPERATIONS}
    talks = None
    if scenario.studies.support_desk is not None:
        talks = app.state.talks = Conversations(behind, database, writer, metrics)
        conversing = Conversing(service.door, talks)
        endpoints |= {name: getattr(conversing, name) for name in openapi.CONVERSATIONS}
    if scenario.studies.lists is not None:
        lists = Lists(service.door, behind, database, writer)
        endpoints |= {name: getattr(lists, name) for name in openapi.LISTS}
    openapi.routes(app, service.wire, endpoints)
    pages.routes(app, people, talks)
    return app


class _Service:
    """The endpoints. What takes longer than a moment, or waits for the database, is done in a thread."""

    def __init__(
        self,
        behind: Deciding,
        database: Engine,
        writer: Writer,
        metrics: Metrics,
        keys: Keyring,
        explained: Explanations,
        alerts: Callable[[], list[str]],
    ) -> None:
        self.wire = Wire(behind.scenario)
        self._behind, self._database, self._writer = behind, database, writer
        self._metrics, self._alerts = metrics, alerts
        self._settings = settings = behind.scenario.service
        allowance = Allowance(database, behind.name, settings.decisions_per_second, settings.burst_seconds)
        self.door = Admission(keys, allowance, settings)
        self._explained = explained
        self._about_schemas = interface.schemas(behind.scenario)

    async def decide(self, request: Request) -> Response:
        """Decide on one request, or on up to 1,000: the answer comes when the decisions are in the log."""
        caller = await self.door.admit(request, "caller", "admin")
        key = idempotency(request)
        await self.door.allow(caller, 1)
        body = await self.door.body(request)
        read = self.wire.requests
        requests, many, digest = read(body) if len(body) < _LARGE else await to_thread.run_sync(read, body)
        if len(requests) > 1:
            await self.door.allow(caller, len(requests) - 1)
        stored = await self._settled(self._behind.decide(Asked(requests, caller.name, key, digest)))
        replayed = _replayed(stored, digest)
        if not replayed:
            self._metrics.decided(Counter(each.facts["action"] for each in stored))
        return _json(self.wire.answers(stored, requests, many), replayed)

    async def decision(self, request: Request, id: Annotated[Id, Path()], explain: bool = False) -> Response:
        """Show a decision as it stands in the log; with `explain` also why, within a time limit."""
        caller = await self.door.admit(request, *ROLES)
        stored = await self._found(id, caller)
        record: dict[str, Any] = {"decision_id": stored.id, "written": stored.written, "explanation": None}
        record |= {"facts": stored.facts, "payload": stored.payload}
        if explain:
            record["explanation"] = await to_thread.run_sync(self._explained, stored)
        return _json(to_json(record))

    async def feedback(self, request: Request) -> Response:
        """Write down what somebody says of a decision."""
        caller = await self.door.admit(request, *ROLES)
        key = idempotency(request)
        await self.door.allow(caller, 1)
        body = await self.door.body(request)
        said = self.wire.said(body)
        await self._found(said["decision_id"], caller)
        digest = hashlib.sha256(body).hexdigest()
        entry = self.wire.entry(said, caller.name, key and f"{caller.name}\n{key}\nfeedback", digest)
        stored = await self._settled(self._writer.append([entry]))
        replayed = _replayed(stored, digest)
        received = {"id": stored[0].id, "decision_id": said["decision_id"], "written": stored[0].written}
        return _json(to_json(received), replayed, 200 if replayed else 201)

    async def agent(self, request: Request) -> Response:
        """Say what is served: card, versions, schemas."""
        await self.door.admit(request, *ROLES)
        scenario, about = self._behind.scenario, dict(self._behind.about())
        told = {"name": self._behind.name, "title": scenario.title, "description": scenario.description}
        return _json(to_json({**told, "simulated": scenario.simulated, "schemas": self._about_schemas, **about}))

    async def schema(self, request: Request) -> Response:
        """Describe this interface (OpenAPI)."""
        await self.door.admit(request, *ROLES)
        return _json(to_json(request.app.openapi()))

    async def alive(self) -> Response:
        """Say that the process answers."""
        return _json(b'{"alive":true}')

    async def ready(self) -> Response:
        """Say whether requests can be answered, and what the service is alerted of."""
        trouble = self._behind.trouble()
        state = {"ready": trouble is None, "detail": trouble or "ready", "alerts": self._alerts()}
        return _json(to_json(state), status=200 if trouble is None else 503)

    async def counted(self, request: Request) -> Response:
        """Show what was counted, in Prometheus' text format."""
        if not self._settings.open_metrics:
            await self.door.admit(request, "reviewer", "admin")
        text, media = await to_thread.run_sync(self._metrics.text)
        return Response(text, media_type=media)

    async def _settled(self, future: Future[list[Stored]]) -> list[Stored]:
        """Return what was stored, or tell the caller to come back; what was asked goes on and is not lost."""
        waiting = asyncio.wrap_future(future)
        done, _ = await asyncio.wait((waiting,), timeout=self._settings.answer_seconds)
        if not done:
            waiting.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise Refused(503, "Not answered in time; ask again with the same Idempotency-Key.", COME_BACK)
        return waiting.result()

    async def _found(self, id: str, caller: Caller) -> Stored:
        """Return a decision that the caller may see; one that they may not is not there for them."""
        stored = await to_thread.run_sync(reader.find, self._database, self._behind.name, id)
        own = stored is not None and (caller.role != "caller" or stored.facts.get("caller") == caller.name)
        if stored is None or stored.kind != "decision" or not own:
            raise Refused(404, "There is no such decision, or it is another caller's.")
        return stored


def _replayed(stored: list[Stored], digest: str) -> bool:
    """Say whether an answer was given before.

    Raises
    ------
    Refused
        If it was given to something else. What was forgotten since cannot be compared.
    """
    before = [each for each in stored if each.duplicate]
    if any(each.payload is not None and each.payload.get("request") != digest for each in before):
        raise Refused(422, "This Idempotency-Key came with another body before; take a new one for each request.")
    return bool(before)


def _json(body: bytes, replayed: bool = False, status: int = 200) -> Response:
    headers = {"idempotency-replayed": "true"} if replayed else None
    return Response(body, status, headers, _JSON)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return Response(error.body(), error.status, error.headers, MEDIA)


async def _not_routed(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = {404: "There is nothing here; GET /v1/openapi.json lists what there is.", 405: "Not by this method."}
    body = problem(error.status_code, detail.get(error.status_code, "Refused."))
    return Response(body, error.status_code, error.headers, MEDIA)


async def _misfit(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [{"where": ".".join(map(str, each["loc"])), "what": str(each["msg"])} for each in error.errors()]
    return await _refused(_, Refused(422, "The address does not fit the interface.", errors=errors))


async def _come_back(_: Request, error: Exception) -> Response:
    return await _refused(_, Refused(503, "Too much is asked just now; come back in a second.", COME_BACK))


async def _unanswerable(_: Request, error: Exception) -> Response:
    return await _refused(_, Refused(422, str(error)))


def _unstored(masks: tuple[Sequence[str], Sequence[str]]) -> Any:
    """Return how it is answered that the database failed: nothing was decided that is not written down."""

    async def answer(_: Request, error: Exception) -> Response:
        detail = "The log cannot be reached, so nothing is decided; ask again with the same Idempotency-Key."
        body = problem(503, detail, incident=incident(error, *masks))
        return Response(body, 503, COME_BACK, MEDIA)

    return answer

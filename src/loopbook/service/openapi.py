"""The interface, described: routes, all their answers, and an OpenAPI document from the scenario's own models."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from loopbook.service import conversing, lists
from loopbook.service.conversing import Talk, Turned
from loopbook.service.errors import MEDIA
from loopbook.service.lists import Listed
from loopbook.service.schemas import Agent, Problem, Received, Record, State, Wire

_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    "description": "the same key with the same body gives the same answer, however often it is sent",
}
_WHY = {
    400: "not JSON, or a header that is none",
    401: "no API key, or one that is unknown or revoked",
    403: "the key's role may not do this",
    404: "no such decision, conversation or list for this caller",
    408: "the request did not come in time",
    409: "cannot be explained any more, or the conversation is over",
    413: "too large",
    415: "not application/json",
    422: "does not fit the schema, or an Idempotency-Key with another body",
    429: "more than the caller's allowance",
    500: "a fault inside, under its incident id",
    503: "come back later",
}
_ALWAYS, _SENDING = (500, 503), (400, 401, 403, 408, 413, 415, 422, 429, 500, 503)

OPERATIONS: Mapping[str, tuple[str, str, tuple[int, ...]]] = {
    "decide": ("POST", "/v1/decisions", _SENDING),
    "decision": ("GET", "/v1/decisions/{id}", (401, 403, 404, 409, 422, *_ALWAYS)),
    "feedback": ("POST", "/v1/feedback", (*_SENDING, 404)),
    "agent": ("GET", "/v1/agent", (401, 403, *_ALWAYS)),
    "schema": ("GET", "/v1/openapi.json", (401, 403, *_ALWAYS)),
    "alive": ("GET", "/healthz", (500,)),
    "ready": ("GET", "/readyz", (500,)),
    "counted": ("GET", "/metrics", (401, 403, *_ALWAYS)),
}
"""Method, path, and the problems with which it may be answered."""

CONVERSATIONS: Mapping[str, tuple[str, str, tuple[int, ...]]] = {
    "open_conversation": ("POST", "/v1/conversations", _SENDING),
    "turn": ("POST", "/v1/conversations/{id}/turns", (*_SENDING, 404, 409)),
    "conversation": ("GET", "/v1/conversations/{id}", (401, 403, 404, 422, *_ALWAYS)),
    "rate_conversation": ("POST", "/v1/conversations/{id}/rating", (*_SENDING, 404)),
    "close_conversation": ("POST", "/v1/conversations/{id}/close", (401, 403, 404, 422, 429, *_ALWAYS)),
}
"""The same of conversations, where the scenario has a support desk."""

LISTS: Mapping[str, tuple[str, str, tuple[int, ...]]] = {
    "user_list": ("GET", "/v1/lists/{user:path}", (401, 403, 422, 429, *_ALWAYS)),
    "clicks": ("POST", "/v1/lists/{id}/clicks", (*_SENDING, 404)),
}
"""The same of lists, where the scenario has them."""

_OPEN = ("alive", "ready")
_MADE = ("feedback", "open_conversation", "turn", "rate_conversation", "clicks")


def routes(app: FastAPI, wire: Wire, endpoints: Mapping[str, Callable[..., Any]]) -> None:
    """Give an application its routes, and its description in `app.openapi`.

    Parameters
    ----------
    app
        A new application.
    wire
        Models of the scenario.
    endpoints
        What answers, by the names of `OPERATIONS` and, where the scenario has them, of `CONVERSATIONS` and `LISTS`.
    """
    operations = {name: what for name, what in {**OPERATIONS, **CONVERSATIONS, **LISTS}.items() if name in endpoints}
    bodies = {"decide": wire.body, "feedback": TypeAdapter(wire.feedback)}
    further = {**conversing.BODIES, **lists.BODIES}
    bodies |= {name: TypeAdapter(model) for name, model in further.items() if name in endpoints}
    many = list[wire.answer]  # type: ignore[name-defined]
    answers: dict[str, dict[int | str, Any]] = {
        "decide": {200: {"model": wire.answer | many, "description": "what was decided, in the requests' order"}},
        "decision": {200: {"model": Record}},
        "feedback": {
            201: {"model": Received},
            200: {"model": Received, "description": "as it was written down before"},
        },
        "agent": {200: {"model": Agent}},
        "schema": {200: {"model": dict[str, Any]}},
        "alive": {200: {"model": dict[str, bool]}},
        "ready": {200: {"model": State}, 503: {"model": State, "description": "not ready"}},
        "counted": {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    }
    answers |= {name: {201: {"model": Talk}} for name in ("open_conversation", "rate_conversation")}
    answers |= {name: {200: {"model": Talk}} for name in ("conversation", "close_conversation")}
    answers |= {
        "turn": {201: {"model": Turned}},
        "user_list": {200: {"model": Listed}},
        "clicks": {201: {"model": Received}},
    }
    for name, (method, path, problems) in operations.items():
        extra: dict[str, Any] = {"security": [] if name in _OPEN else [{"key": []}]}
        if name in bodies:
            extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": f"#{name}"}}}
            extra["parameters"] = [_IDEMPOTENCY]
        refused: dict[int | str, Any] = {
            status: {
                "description": _WHY[status],
                "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }
            for status in problems
        }
        app.add_api_route(
            path,
            endpoints[name],
            methods=[method],
            name=name,
            operation_id=name,
            response_model=None,
            status_code=201 if name in _MADE else 200,
            responses={**refused, **answers[name]},
            openapi_extra=extra,
        )
    described: dict[str, Any] = {}

    def describe() -> dict[str, Any]:
        if not described:
            described.update(_described(app, bodies, operations))
        return described

    app.openapi = describe  # type: ignore[method-assign]


def _described(
    app: FastAPI, bodies: Mapping[str, TypeAdapter[Any]], operations: Mapping[str, tuple[str, str, tuple[int, ...]]]
) -> dict[str, Any]:
    """Return the OpenAPI document; models of request bodies, which FastAPI does not read, are put beside the others."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    parts = document.setdefault("components", {})
    models = parts.setdefault("schemas", {})
    for adapter in (*bodies.values(), TypeAdapter(Problem)):
        schema = adapter.json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
        models.update(schema.pop("$defs", {}))
        if adapter.core_schema["type"] == "model":
            models[schema["title"]] = schema
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "an API key: lb_…"}}
    for name, adapter in bodies.items():
        method, path, _ = operations[name]
        content = document["paths"][path][method.lower()]["requestBody"]["content"]["application/json"]
        schema = adapter.json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
        schema.pop("$defs", None)
        content["schema"] = schema
    models.pop("HTTPValidationError", None)
    models.pop("ValidationError", None)
    return document

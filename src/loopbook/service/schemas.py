"""What goes over the wire, from the scenario's own interface: pydantic models, made once, and the JSON of answers."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic_core import to_json

from loopbook.data import cleaning
from loopbook.decisions.audit.entry import Entry, Stored, new_id
from loopbook.decisions.rules import REVIEW
from loopbook.privacy import personal_data
from loopbook.requirements import interface
from loopbook.scenario.contract import Scenario
from loopbook.scenario.series import Series
from loopbook.scenario.task import Number
from loopbook.service import readings
from loopbook.service.errors import Refused, misfit

MANY = 1_000
"""Requests in one call."""

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_SAYING = ("label", "comment", "rating", "also")  # an answer says at least one of these
COMMENT = 500
"""Characters of a comment that are kept, as in 07."""

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Misfit(BaseModel):
    """One thing that does not fit."""

    where: str
    what: str


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str = Field(description="what was wrong, and what to do")
    errors: list[Misfit] = Field([], description="where exactly, if several things are wrong")
    incident: str | None = Field(None, description="of a fault inside: the id under which it stands in the log")


class Received(BaseModel):
    """What was written down of feedback."""

    id: str = Field(description="of the record in the log")
    decision_id: str
    written: datetime


class Explanation(BaseModel):
    """Why: the change of the score when a part of the input is left out (occlusion), the strongest first."""

    model_config = ConfigDict(extra="allow")
    complete: bool = Field(description="false: the time limit came first, and some parts were not looked at")


class Record(BaseModel):
    """A decision as it stands in the log; what came from a person is masked, and null once it was forgotten."""

    model_config = ConfigDict(extra="allow")
    decision_id: str
    written: datetime
    facts: dict[str, Any]
    payload: dict[str, Any] | None
    explanation: Explanation | None = None


class Agent(BaseModel):
    """What is served."""

    name: str
    title: str
    description: str
    simulated: bool = Field(description="whether the data that it was made with is simulated")
    versions: dict[str, str] = Field(description="of model, policy, rules, data, code, and the run that made them")
    since: datetime
    schemas: dict[str, Any] = Field(description="JSON Schemas of `request` and `answer`, each with an example")
    card: dict[str, Any] | None


class State(BaseModel):
    """Whether the service can answer."""

    ready: bool
    detail: str
    alerts: list[str] = Field([], description="what the service says of itself: latency, errors, queue")


@dataclass(frozen=True)
class Wire:
    """What one scenario's requests and answers look like.

    Attributes
    ----------
    scenario
        Whose.
    """

    scenario: Scenario

    @property
    def _series(self) -> Series | None:
        return getattr(self.scenario.source, "series", None)

    @cached_property
    def request(self) -> type[BaseModel]:
        return interface.request_model(self.scenario)

    @cached_property
    def answer(self) -> type[BaseModel]:
        """The scenario's answer, and by which name the decision is found again; a person may have to be asked first."""
        actions = interface.actions(self.scenario.task)
        action: Any = Literal[(*actions, REVIEW)] if actions else str
        parts: dict[str, Any] = {
            "action": (action, Field(description="what the agent does; review: it asks a person")),
            "decision_id": (str, Field(description="GET /v1/decisions/{decision_id} shows what was decided and why")),
            "written": (datetime, Field(description="when it was in the log")),
            "run": (str, Field(description="the run that made the model and the policy")),
            "model": (str, Field(description="content digest of the model that gave the probability")),
        }
        base = interface.answer_model(self.scenario)
        if "threshold" in base.model_fields:
            parts["threshold"] = (
                Annotated[float, Field(ge=0, le=1)] | None,
                Field(None, description="probability from which the agent acts; null: the policy has no single one"),
            )
        if self._series is not None:
            parts["window"] = (readings.Window | None, Field(description="which was decided on; null: forgotten"))
            parts["stood_out"] = (
                list[readings.Sensor],
                Field(
                    description="sensors that the probability is due to, the strongest first; none if nothing is done"
                ),
            )
        return create_model("Decision", __base__=base, __doc__="What was decided.", **parts)

    @cached_property
    def feedback(self) -> type[BaseModel]:
        """What somebody says of a decision: at least one of a label, a comment, a rating, a further output."""
        task = self.scenario.task
        label: Any = float if isinstance(task, Number) else _among(task.label.classes)
        parts: dict[str, Any] = {
            "label": (label | None, Field(None, description="what would have been right")),
        }
        if task.also:
            also = {name: (_among(output.classes) | None, None) for name, output in task.also.items()}
            outputs: Any = create_model("Outputs", __config__=_STRICT, **also)  # type: ignore[call-overload]
            parts["also"] = (outputs | None, Field(None, description="what would have been right of further outputs"))
        said = [name for name in _SAYING if name != "also" or task.also]
        return create_model(
            "Feedback",
            __config__=ConfigDict(**_STRICT, json_schema_extra={"anyOf": [interface.says(name) for name in said]}),
            __doc__=Wire.feedback.__doc__,
            decision_id=(Id, Field(description="which decision")),
            user=(
                Annotated[str, Field(min_length=1, max_length=200)],
                Field(description="who says so; a pseudonym is kept"),
            ),
            comment=(
                Annotated[str, Field(max_length=5_000)] | None,
                Field(None, description=f"personal data is masked, and {COMMENT} characters are kept"),
            ),
            rating=(Annotated[float, Field(ge=1, le=5)] | None, Field(None, description="1 (bad) to 5 (good)")),
            seconds=(
                Annotated[float, Field(ge=0, le=86_400)] | None,
                Field(None, description="how long the person looked at it"),
            ),
            **parts,
        )

    @cached_property
    def _one(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.request)

    @cached_property
    def _many(self) -> TypeAdapter[Any]:
        several: Any = Annotated[list[self.request], Field(min_length=1, max_length=MANY)]  # type: ignore[name-defined]
        return TypeAdapter(several)

    @property
    def body(self) -> TypeAdapter[Any]:
        """What the body of a call may be: one request, or a list."""
        either: Any = self.request | Annotated[list[self.request], Field(min_length=1, max_length=MANY)]  # type: ignore[name-defined]
        return TypeAdapter(either)

    @cached_property
    def _said(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.feedback)

    def requests(self, body: bytes) -> tuple[list[dict[str, Any]], bool, str]:
        """Return the requests in a body, whether they came as a list, and their digest in one form.

        Raises
        ------
        Refused
            If the body is not JSON, or does not fit the schema.
        """
        many = body.lstrip()[:1] == b"["
        adapter = self._many if many else self._one
        try:
            read = adapter.validate_json(body)
        except ValidationError as error:
            raise misfit(error) from None
        # Of numbers, names and white space there are many forms; the digest is of one.
        digest = hashlib.sha256(adapter.dump_json(read, by_alias=True)).hexdigest()
        plain = adapter.dump_python(read, by_alias=True)
        return plain if many else [plain], many, digest

    def answers(self, stored: Sequence[Stored], requests: Sequence[Mapping[str, Any]], many: bool) -> bytes:
        """Return the answer to a call as JSON."""
        found = [self.one(each, request["id"]) for each, request in zip(stored, requests, strict=True)]
        return to_json(found if many else found[0])

    def one(self, stored: Stored, id: str | None) -> dict[str, Any]:
        """Return what a caller is told of a decision, from what stands in the log, under the caller's own name."""
        facts = stored.facts
        told = {
            "id": id,
            "decision_id": stored.id,
            "written": stored.written,
            "label": facts["answer"],
            "action": facts["action"],
            "probability": facts["probability"],
            "model": facts["versions"]["model"],
            "run": facts["versions"]["run"],
            "reasons": [facts["reasons"]] if facts["reasons"] else [],
        }
        own = self.answer.model_fields
        if "threshold" in own:
            told["threshold"] = facts.get("threshold")
        else:
            told["classes"] = facts["scores"]
        for name in ("value", "quantiles", "also"):
            if name in own:
                told[name] = facts.get(name)
        if self._series is not None:
            ends = datetime.fromisoformat(stored.payload["time"]) if stored.payload else None
            told["window"] = None if ends is None else readings.window(ends, self._series)
            told["stood_out"] = facts.get("stood_out", [])
        return told

    def said(self, body: bytes) -> Mapping[str, Any]:
        """Return feedback from a body.

        Raises
        ------
        Refused
            If it does not fit the schema, or says nothing.
        """
        try:
            read = self._said.validate_json(body)
        except ValidationError as error:
            raise misfit(error) from None
        said: dict[str, Any] = self._said.dump_python(read, exclude_none=True)
        if not said.keys() & {*_SAYING}:
            raise Refused(422, "Feedback says at least one of label, comment, rating and also.")
        return said

    def entry(self, said: Mapping[str, Any], caller: str, key: str | None, digest: str) -> Entry:
        """Return the entry of the log for feedback: the user under a pseudonym, personal data masked."""
        facts = {name: said[name] for name in ("decision_id", "label", "rating", "seconds") if name in said}
        facts |= {f"label_{name}": label for name, label in said.get("also", {}).items()}
        facts |= {"user": personal_data.pseudonym(said["user"], self.scenario.name), "caller": caller}
        payload = {"request": digest}
        if comment := said.get("comment"):
            payload["comment"] = cleaning.shorten(comment, COMMENT, self.scenario.data)
        return Entry("feedback", new_id(), facts, payload, key)


def _among(names: tuple[str, ...]) -> Any:
    return Literal[names] if names else Annotated[str, Field(max_length=200)]

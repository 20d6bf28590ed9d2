"""What goes into the agent and what comes out, as JSON Schema with examples; and what it does in between."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    create_model,
    model_validator,
)

from loopbook.requirements.prototype import Prototype
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Number, Ranking, Task

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, title=None, populate_by_name=False)
_LARGEST = float(np.finfo(np.float32).max)
"""What models compute with holds no larger number (02 reads up to the same, `parsing.LARGEST`)."""
_EXAMPLES: dict[str, Any] = {
    "text": "The regulator has opened an inquiry into the accounts.",
    "number": 1.5,
    "category": "a",
}


def _written(time: Any) -> Any:
    """Return a time as it was written; a bare number or a day alone is none."""
    if isinstance(time, datetime) or (isinstance(time, str) and re.match(_MOMENT, time)):
        return time
    raise ValueError(
        f"The time should be written like 2026-01-05T09:30:00Z, in the years {_FIRST.year} to {_LAST.year - 1}"
    )


def _within(time: datetime) -> datetime:
    """Return a time in UTC (without a zone it is that), in years that no calendar of ours stumbles over."""
    aware = time.replace(tzinfo=UTC) if time.tzinfo is None else time
    if not _FIRST <= aware < _LAST:
        raise ValueError(f"The time should lie in the years {_FIRST.year} to {_LAST.year - 1}, in UTC")
    return aware.astimezone(UTC)


_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_READABLE = r"[^\s\x00-\x1f\x7f-\x9f\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffc]"
"""A character that is left of a text when 02 has cleaned it (`data.cleaning.normalise`)."""
_MOMENT = "^(19|20|21)[0-9][0-9]-[0-9][0-9]-[0-9][0-9]T"
_Time = Annotated[
    datetime,
    BeforeValidator(_written),
    AfterValidator(_within),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": _MOMENT}),
]


class _Request(BaseModel):
    """One thing to decide on."""

    model_config = _STRICT
    id: str | None = Field(None, max_length=200, description="the sender's name for it; comes back in the answer")
    time: _Time | None = Field(None, strict=False, description="when it happened, ISO 8601; null: now")


def says(name: str) -> dict[str, Any]:
    """Return the JSON Schema of an object in which a property is there, and is not null."""
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


class _Asked(_Request):
    """One window of a series to decide on: its readings, or its features."""

    model_config = ConfigDict(**_STRICT, json_schema_extra={"oneOf": [says("readings"), says("fields")]})
    fields: Any = None
    readings: Any = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.readings is None) == (self.fields is None):
            raise ValueError(
                "Send readings, of which a window is made, or the window's features in fields: one of them"
            )
        return self


class _Reading(BaseModel):
    """What the sensors show at a moment."""

    model_config = _STRICT
    time: _Time = Field(strict=False, description="when it was read, ISO 8601")


def _ascending(readings: list[_Reading]) -> list[_Reading]:
    """Return readings if no one is older than the one before it."""
    for at, (before, after) in enumerate(pairwise(readings), 1):
        if after.time < before.time:
            raise ValueError(
                f"Readings should stand in the order of time: the one at {at} is older than that before it; sort them"
            )
    return readings


_Attribute = Annotated[str, Field(max_length=200)] | Annotated[float, Field(ge=-_LARGEST, le=_LARGEST)] | bool
_Probability = Annotated[float, Field(ge=0, le=1)]


class _Answer(BaseModel):
    """What the agent decided, and why."""

    model_config = _STRICT
    id: str | None = Field(None, max_length=200, description="the request's id")
    probability: _Probability = Field(description="of two classes how likely yes is, of more how likely the label is")
    model: str = Field(description="what gave the probability: the champion's name, or 'prototype'")
    reasons: tuple[str, ...] = Field(strict=False, description="why, the strongest reason first")


class _Output(BaseModel):
    """A further output: the most probable class, and how likely it is; null: nobody has learned it yet."""

    model_config = _STRICT
    label: str | None
    probability: _Probability | None


def request_model(scenario: Scenario) -> type[BaseModel]:
    """Return the class of requests; the input fields stand in `fields`, under their own names.

    Where the scenario watches over columns that are no inputs, `attributes` may name their values. Where rows are
    windows of a series, `readings` may stand in place of `fields`.
    """
    readable = _READABLE if len(scenario.task.text_fields) == 1 else None  # of several, one has to be
    kinds: dict[str, Any] = {
        "text": Annotated[str, Field(max_length=scenario.data.max_characters, pattern=readable)],
        "number": Annotated[float, Field(ge=-_LARGEST, le=_LARGEST)] | None,
        "category": str | None,
    }
    inputs = {
        name: (
            kinds[kind],
            ... if kind == "text" else None,
            kind if kind == "text" else f"{kind}; null: unknown",
        )
        for name, kind in scenario.task.fields.items()
    }
    parts: dict[str, Any] = {"fields": (_named("Fields", inputs), Field())}
    if series := getattr(scenario.source, "series", None):
        sensors = dict.fromkeys(series.names, (kinds["number"], None, "number; null: none at that moment"))
        reading = _named("Reading", sensors, _Reading)
        several: Any = Annotated[list[reading], Field(min_length=1), AfterValidator(_ascending)]  # type: ignore[valid-type]
        told = f"at least {series.back} back from the window's end (time, or the last reading), in the order of time"
        parts = {
            "fields": (
                _named("Fields", inputs) | None,
                Field(None, description="a window's features, as 02 makes them"),
            ),
            "readings": (several | None, Field(None, description=told)),
        }
    if beside := {name: (_Attribute | None, None, _purpose(scenario, name)) for name in attributes(scenario)}:
        told = "what the agent is watched by, and never decides by; null: unknown"
        parts["attributes"] = (_named("Attributes", beside) | None, Field(None, description=told))
    base = _Asked if "readings" in parts else _Request
    return create_model("Request", __base__=base, __doc__=base.__doc__, **parts)


def attributes(scenario: Scenario) -> tuple[str, ...]:
    """Return the columns beside the inputs by which an agent is watched: segments, protected attributes, the group.

    Of a ranking also the user and the item: what a user took is known by their name.
    """
    task, group = scenario.task, (scenario.source.group,) if scenario.source.group else ()
    pair = (task.query, task.item) if isinstance(task, Ranking) else ()
    inputs = {*task.fields, *task.learned}
    return tuple(name for name in dict.fromkeys((*scenario.segments, *group, *pair)) if name not in inputs)


def _purpose(scenario: Scenario, name: str) -> str:
    """Return what an attribute is for."""
    purposes = {
        "a segment in which surges are looked for": name in scenario.monitoring.segments,
        "fairness is watched over it": name in scenario.source.protected,
        "rows of one group belong together": name == scenario.source.group,
        "whose list it is": name == getattr(scenario.task, "query", None),
        "the item that is judged": name == getattr(scenario.task, "item", None),
    }
    return "; ".join((*(said for said, holds in purposes.items() if holds), "null: unknown"))


def _named(
    title: str, columns: Mapping[str, tuple[Any, Any, str]], base: type[BaseModel] | None = None
) -> type[BaseModel]:
    """Return a class with a value for each column: its type, default and description.

    A column may have any name, also one that Python or pydantic reserves, so its name is an alias.
    """
    parts: dict[str, Any] = {
        f"field_{number}": (kind, Field(default, alias=name, title=name, description=told))
        for number, (name, (kind, default, told)) in enumerate(columns.items())
    }
    return create_model(title, __base__=base or create_model("Named", __config__=_STRICT), **parts)


def answer_model(scenario: Scenario) -> type[BaseModel]:
    """Return the class of answers; `label` and `action` take the scenario's names, where it gives any.

    Of two classes it has a `threshold`, of more the probabilities of `classes`, of a number its `value` and
    `quantiles`; where the task has further outputs, `also`.
    """
    task = scenario.task
    parts: dict[str, Any] = {
        "label": (_among(task.label.classes), Field(description="what the agent takes it for")),
        "action": (_among(actions(task)), Field(description="what the agent does")),
    }
    if len(task.label.classes) == 2:
        parts["threshold"] = (_Probability, Field(description="probability from which the agent acts"))
    else:
        parts["classes"] = (dict[str, _Probability], Field(description="probability by class; they sum to 1"))
    if isinstance(task, Number):
        unknown = f"{task.label.unit}; null: a prototype of rules does not know it".removeprefix("; ")
        parts["value"] = (float | None, Field(description=unknown))
        parts["quantiles"] = (dict[str, float] | None, Field(description=f"value by level 0.01 to 0.99, {unknown}"))
    if task.also:
        outputs = create_model("Also", __config__=_STRICT, **dict.fromkeys(task.also, (_Output, ...)))  # type: ignore[call-overload]
        parts["also"] = (outputs, Field(description="the further outputs"))
    return create_model("Answer", __base__=_Answer, __doc__=_Answer.__doc__, **parts)


def actions(task: Task) -> tuple[str, ...]:
    """Return the names of the task's actions: its own, or one a class; empty where only the data knows the classes."""
    return task.actions or task.label.classes


def _among(names: tuple[str, ...]) -> Any:
    return Literal[names] if names else str


def schemas(scenario: Scenario, sample: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the agent's interface.

    Parameters
    ----------
    scenario
        The agent; its sections task, data and requirements are used.
    sample
        Values of the task's fields to ask about, from a row of data for instance, and of attributes if it has them;
        None: made-up ones.

    Returns
    -------
    dict
        `request` and `answer`: JSON Schemas. `example_request` and `example_answer`: what the prototype answers to
        `sample`. Both examples have been checked against their schema.

    Raises
    ------
    DataError
        If `sample` lacks a field.
    """
    fields = {}
    for name, kind in scenario.task.fields.items():
        if sample is not None and name not in sample:
            raise DataError(f"The sample has no value for the field {name!r}.")
        fields[name] = _plain(sample[name], kind) if sample is not None else _EXAMPLES[kind]
    prototype, row = Prototype.of(scenario.requirements, scenario.task), pd.DataFrame([fields])
    (p,), (code,) = prototype.decide(row)
    request: dict[str, Any] = {"id": "example-1", "time": "2026-01-05T09:30:00Z", "fields": fields}
    if watched := attributes(scenario):
        known = dict.fromkeys(watched, _EXAMPLES["category"]) if sample is None else sample
        request["attributes"] = {name: _attribute(known.get(name)) for name in watched}
    answer = {
        "id": "example-1",
        "label": prototype.classes[code],
        "action": _action(scenario, prototype.classes, int(code)),
        "probability": round(float(p[1] if len(p) == 2 else p[code]), 4),
        "model": "prototype",
        "reasons": [reason for reason in str(prototype.score(row)["reasons"].iloc[0]).split(" · ") if reason],
    }
    shares = dict(zip(prototype.classes, p.round(4).tolist(), strict=True))
    others = {
        "threshold": 0.5,
        "classes": shares,
        "value": None,
        "quantiles": None,
        "also": {name: {"label": None, "probability": None} for name in scenario.task.also},
    }
    answer |= {name: other for name, other in others.items() if name in answer_model(scenario).model_fields}
    request_type, answer_type = request_model(scenario), answer_model(scenario)
    request_type.model_validate(request)
    answer_type.model_validate(answer)
    return {
        "request": request_type.model_json_schema(by_alias=True),
        "answer": answer_type.model_json_schema(by_alias=True),
        "example_request": request,
        "example_answer": answer,
    }


def functions(scenario: Scenario) -> pd.DataFrame:
    """Return what the agent does, step by step: `function`, `what`, `takes`, `gives`, `notebook`.

    The agent is the whole; the model is only its reasoning.
    """
    task = scenario.task
    inputs = ", ".join(f"{name} ({kind})" for name, kind in task.fields.items())
    among = " or ".join(map(repr, actions(task))) or "an action a class"
    rows = [
        ("perceive", "takes a request, checks it, cleans and encodes its fields", inputs, "features", "02_data"),
        (
            "reason",
            _estimates(task),
            "features",
            "calibrated probabilities" if not isinstance(task, Number) else "a calibrated distribution",
            "03_training, 04_optimization",
        ),
        (
            "decide",
            "weighs the probabilities by a policy",
            "probabilities",
            f"{among}, with reasons",
            "05_decisions",
        ),
        (
            "act",
            "carries the decision out and writes it down",
            among,
            "an entry in the outbox",
            "05_decisions",
        ),
    ]
    return pd.DataFrame(rows, columns=["function", "what", "takes", "gives", "notebook"])


def _estimates(task: Task) -> str:
    """Return what the model of a task estimates, in words."""
    classes = task.label.classes
    also = f"; and {', '.join(task.also)}" if task.also else ""
    if isinstance(task, Number):
        return f"estimates how {task.label.column} is distributed, and so how likely it is {classes[-1]}{also}"
    if len(classes) == 2:
        return f"estimates how likely it is {classes[1]!r} rather than {classes[0]!r}{also}"
    shown = ", ".join(map(repr, classes[:5])) + (", …" if len(classes) > 5 else "")
    return f"estimates how likely each class is{f': {shown}' if classes else ''}{also}"


def _action(scenario: Scenario, classes: tuple[str, ...], code: int) -> str:
    """Return an action for an example: a class's own; of named ones the last, since the first does nothing."""
    named = scenario.task.actions
    return named[-1] if named and len(named) != len(classes) else (named or classes)[code]


def _attribute(value: Any) -> str | float | bool | None:
    """Return an attribute from a DataFrame as JSON has it; a missing one is null."""
    if value is None or pd.isna(value) or value == "":
        return None
    plain = value.item() if hasattr(value, "item") else value
    return plain if isinstance(plain, str | int | float | bool) else str(plain)


def _plain(value: Any, kind: str) -> Any:
    """Return a value from a DataFrame as JSON has it; missing numbers and categories are null."""
    if kind == "text":
        return str(value)
    if value is None or pd.isna(value) or value == "":
        return None
    return float(value) if kind == "number" else str(value)

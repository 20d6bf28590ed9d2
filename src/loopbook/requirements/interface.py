"""What goes into the agent and what comes out, as JSON Schema with examples; and what it does in between."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, create_model

from loopbook.requirements.prototype import Prototype
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, title=None, populate_by_name=False)
_EXAMPLES: dict[str, Any] = {
    "text": "The regulator has opened an inquiry into the accounts.",
    "number": 1.5,
    "category": "a",
}


class _Request(BaseModel):
    """One thing to decide on."""

    model_config = _STRICT
    id: str | None = Field(None, max_length=200, description="the sender's name for it; comes back in the answer")
    time: datetime | None = Field(None, strict=False, description="when it happened, ISO 8601; null: now")


class _Answer(BaseModel):
    """What the agent decided, and why."""

    model_config = _STRICT
    id: str | None = Field(None, max_length=200, description="the request's id")
    probability: float = Field(ge=0, le=1, description="how likely the answer is yes")
    threshold: float = Field(ge=0, le=1, description="probability from which the agent acts")
    model: str = Field(description="what gave the probability: the champion's name, or 'prototype'")
    reasons: tuple[str, ...] = Field(strict=False, description="why, the strongest reason first")


def request_model(scenario: Scenario) -> type[BaseModel]:
    """Return the class of requests; the input fields stand in `fields`, under their own names."""
    kinds: dict[str, Any] = {
        "text": Annotated[str, Field(max_length=scenario.data.max_characters)],
        "number": float | None,
        "category": str | None,
    }
    # A field may have any name, also one that Python or pydantic reserves, so its name is an alias.
    parts: dict[str, Any] = {
        f"field_{number}": (
            kinds[kind],
            Field(
                ... if kind == "text" else None,
                alias=name,
                title=name,
                description=kind if kind == "text" else f"{kind}; null: unknown",
            ),
        )
        for number, (name, kind) in enumerate(scenario.task.fields.items())
    }
    inputs = create_model("Fields", __config__=_STRICT, **parts)
    return create_model("Request", __base__=_Request, __doc__=_Request.__doc__, fields=(inputs, Field()))


def answer_model(scenario: Scenario) -> type[BaseModel]:
    """Return the class of answers; `label` and `action` take the scenario's names."""
    label, action = scenario.task.label.classes, scenario.task.actions
    parts: dict[str, Any] = {
        "label": (Literal[label], Field(description="what the agent takes it for")),
        "action": (Literal[action], Field(description="what the agent does")),
    }
    return create_model("Answer", __base__=_Answer, __doc__=_Answer.__doc__, **parts)


def schemas(scenario: Scenario, sample: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the agent's interface.

    Parameters
    ----------
    scenario
        The agent; its sections task, data and requirements are used.
    sample
        Values of the task's fields to ask about, from a row of data for instance; None: made-up ones.

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
    scored = Prototype.of(scenario.requirements, scenario.task).score(pd.DataFrame([fields])).iloc[0]
    acts = bool(scored["acts"])
    request = {"id": "example-1", "time": "2026-01-05T09:30:00Z", "fields": fields}
    answer = {
        "id": "example-1",
        "label": scenario.task.label.classes[acts],
        "action": scenario.task.actions[acts],
        "probability": round(float(scored["score"]), 4),
        "threshold": 0.5,
        "model": "prototype",
        "reasons": [reason for reason in str(scored["reasons"]).split(" · ") if reason],
    }
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
    no, yes = task.actions
    rows = [
        ("perceive", "takes a request, checks it, cleans and encodes its fields", inputs, "features", "02_data"),
        (
            "reason",
            f"estimates how likely it is {task.label.classes[1]!r} rather than {task.label.classes[0]!r}",
            "features",
            "a calibrated probability",
            "03_training, 04_optimization",
        ),
        (
            "decide",
            "weighs the probability by a policy",
            "a probability",
            f"{yes!r} or {no!r}, with reasons",
            "05_decisions",
        ),
        (
            "act",
            "carries the decision out and writes it down",
            f"{yes!r} or {no!r}",
            "an entry in the outbox",
            "05_decisions",
        ),
    ]
    return pd.DataFrame(rows, columns=["function", "what", "takes", "gives", "notebook"])


def _plain(value: Any, kind: str) -> Any:
    """Return a value from a DataFrame as JSON has it; missing numbers and categories are null."""
    if kind == "text":
        return str(value)
    if value is None or pd.isna(value) or value == "":
        return None
    return float(value) if kind == "number" else str(value)

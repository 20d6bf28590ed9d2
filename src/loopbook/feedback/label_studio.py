"""Label Studio: items with predictions and annotations as its JSON tasks, and annotations from there as reviews.

The format is that of Label Studio's export and import (https://labelstud.io/guide/tasks and guide/export): a list of
tasks with ``data``, ``predictions`` and ``annotations``, whose ``result`` names the controls of a labelling
configuration, which `config` gives.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from xml.sax.saxutils import quoteattr

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from loopbook.decisions.audit.entry import Stored
from loopbook.feedback import reviewing
from loopbook.feedback.reviewing import Review
from loopbook.privacy import personal_data
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Number

LABEL, COMMENT, OUTPUT = "label", "comment", "output_"
"""Names of the controls: what is right, what is said besides, and before the name of a further output."""
MANY = 10_000
"""Tasks that are taken at once."""

_PSEUDONYM = "@reviewer.invalid"
"""Behind the pseudonym of a reviewer of ours, where an address is expected."""
_OURS = re.compile(r"([0-9a-f]{8,64})@reviewer\.invalid")
_Text = Annotated[str, Field(max_length=5_000)]


def config(scenario: Scenario, outputs: Mapping[str, Sequence[str]], classes: Sequence[str]) -> str:
    """Return the labelling configuration (XML) that fits the tasks of `tasks`."""
    task = scenario.task
    control = f'<Number name="{LABEL}" toName="item"/>' if isinstance(task, Number) else _choices(LABEL, classes)
    further = "".join(_choices(f"{OUTPUT}{name}", known) for name, known in outputs.items() if known)
    comment = f'<TextArea name="{COMMENT}" toName="item" maxSubmissions="1" required="false"/>'
    return f'<View><Text name="item" value="$item"/>{control}{further}{comment}</View>\n'


def tasks(scenario: Scenario, items: Sequence[Stored], reviews: Mapping[str, Sequence[Review]]) -> list[dict[str, Any]]:
    """Return items as tasks: what the agent said as a prediction, what reviewers said as annotations."""
    return [_task(scenario, item, reviews.get(item.id, ())) for item in items]


def read(sent: Any, scenario: Scenario) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the annotations of tasks: decision, pseudonym of who annotated, and what it says.

    What it says is in the form of an answer to the review queue: `verdict`, `label`, `also`, `comment`, `seconds`. Who
    was in doubt and cancelled an annotation has skipped the item.

    Raises
    ------
    DataError
        If what was sent is no list of tasks; the message says where, and repeats nothing of it.
    """
    try:
        read = _TASKS.validate_python(sent)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"][:6])[:120]
        raise DataError(f"This is no export of Label Studio: {place or 'the whole'}: {first['msg']}.") from None
    return [
        (task.data.decision_id, _who(annotation.completed_by, scenario), _said(annotation))
        for task in read
        for annotation in task.annotations
    ]


class _Value(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)
    choices: list[Annotated[str, Field(max_length=200)]] = Field([], max_length=1)
    number: float | None = None
    text: list[_Text] | _Text = []


class _Result(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    from_name: str = Field(max_length=200)
    value: _Value


class _Annotation(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)
    completed_by: int | Annotated[str, Field(max_length=200)] | dict[str, Any]
    result: list[_Result] = Field(max_length=100)
    was_cancelled: bool = False
    lead_time: float | None = Field(None, ge=0)


class _Data(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    decision_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")


class _Task(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    data: _Data
    annotations: list[_Annotation] = Field([], max_length=100)


_TASKS: TypeAdapter[list[_Task]] = TypeAdapter(Annotated[list[_Task], Field(max_length=MANY)])


def _task(scenario: Scenario, item: Stored, said: Sequence[Review]) -> dict[str, Any]:
    payload, facts = item.payload or {}, item.facts
    fields = payload.get("fields", {})
    data = {**fields, "decision_id": item.id, "action": facts["action"], "time": payload.get("time")}
    data["item"] = "\n".join(str(value) if len(fields) == 1 else f"{name}: {value}" for name, value in fields.items())
    number = isinstance(scenario.task, Number)
    right = facts.get("value") if number else reviewing.implied(scenario, facts)
    also = {name: one["label"] for name, one in facts.get("also", {}).items() if one["label"] is not None}
    predicted = {"model_version": facts["versions"]["model"], "score": facts["probability"]}
    return {
        "data": data,
        "predictions": [predicted | {"result": _result(number, right, also, "")}],
        "annotations": [_annotated(number, review) for review in said if review.verdict in reviewing.VERDICTS],
    }


def _annotated(number: bool, review: Review) -> dict[str, Any]:
    return {
        "id": review.id,
        "completed_by": {"email": f"{review.reviewer}{_PSEUDONYM}"},
        "was_cancelled": review.verdict == reviewing.SKIP,
        "lead_time": review.seconds,
        "created_at": review.written.isoformat(),
        "result": _result(number, review.label, review.also, review.comment),
    }


def _result(number: bool, right: Any, also: Mapping[str, str], comment: str) -> list[dict[str, Any]]:
    found = []
    if right is not None:
        value = {"number": right} if number else {"choices": [right]}
        found.append(_control(LABEL, "number" if number else "choices", value))
    found += [_control(f"{OUTPUT}{name}", "choices", {"choices": [label]}) for name, label in also.items()]
    return found + ([_control(COMMENT, "textarea", {"text": [comment]})] if comment else [])


def _control(name: str, kind: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {"from_name": name, "to_name": "item", "type": kind, "value": dict(value)}


def _said(annotation: _Annotation) -> dict[str, Any]:
    """Return what an annotation says, as an answer to the queue."""
    named = {result.from_name: result.value for result in annotation.result}
    label = named.get(LABEL, _Value())
    right = label.choices[0] if label.choices else label.number
    text = named.get(COMMENT, _Value()).text
    also = {
        name.removeprefix(OUTPUT): value.choices[0]
        for name, value in named.items()
        if name.startswith(OUTPUT) and value.choices
    }
    skipped = annotation.was_cancelled or right is None
    return {
        "verdict": reviewing.SKIP if skipped else reviewing.CORRECT,
        "label": None if skipped else right,
        "also": also,
        "comment": text if isinstance(text, str) else " ".join(text),
        "seconds": annotation.lead_time,
    }


def _who(completed_by: Any, scenario: Scenario) -> str:
    """Return the pseudonym of who annotated: of a reviewer of ours as it is, else of an address or a number."""
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("email") or completed_by.get("id") or ""
    name = str(completed_by)[:200]
    if ours := _OURS.fullmatch(name):
        return ours[1]
    return personal_data.pseudonym(f"Label Studio {name}", scenario.name)


def _choices(name: str, classes: Sequence[str]) -> str:
    options = "".join(f"<Choice value={quoteattr(label)}/>" for label in classes)
    return f'<Choices name={quoteattr(name)} toName="item" choice="single-radio">{options}</Choices>'

"""What goes over the wire of the review queue: items as reviewers see them, and their answers, checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from loopbook.data import cleaning
from loopbook.decisions.audit.entry import Stored
from loopbook.decisions.rules import REVIEW
from loopbook.feedback import reviewing
from loopbook.feedback.reviewing import ACCEPT, CORRECT, SKIP, VERDICTS, Review
from loopbook.scenario.contract import Scenario
from loopbook.scenario.task import Number
from loopbook.service.errors import Refused, misfit
from loopbook.service.pages.queue import Answered, Queue, Shown

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_COMMENT = 500  # characters that are kept, as of other feedback
_FACTS = ("answer", "decision", "action", "probability", "scores", "value", "quantiles", "also", "reasons", "rule")


@dataclass(frozen=True)
class ReviewWire:
    """Items and answers of one scenario."""

    scenario: Scenario

    @cached_property
    def answer(self) -> type[BaseModel]:
        """What a reviewer sends: verdict, with `correct` what is right instead; and the token of the lease."""
        number = isinstance(self.scenario.task, Number)
        label: Any = Annotated[float, Field(strict=False)] if number else Annotated[str, Field(max_length=200)]
        also: Any = dict[Annotated[str, Field(max_length=200)], Annotated[str, Field(max_length=200)]]
        token: Any = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
        verdict: Any = Literal[VERDICTS]
        return create_model(
            "Review",
            __config__=_STRICT,
            token=(token, Field(description="of the lease")),
            verdict=(verdict, Field(description="accept: it is right; correct: see label; skip")),
            label=(label | None, Field(None, description="with correct: what is right, a class or a number")),
            also=(also, Field({}, description="further outputs, as far as the reviewer names them")),
            comment=(Annotated[str, Field(max_length=5_000)], Field("", description="masked; 500 characters are kept")),
            seconds=(Annotated[float, Field(ge=0, le=86_400)] | None, Field(None, description="looked at for so long")),
        )

    @cached_property
    def _answer(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.answer)

    def read(self, sent: Any) -> dict[str, Any]:
        """Return an answer from what was sent.

        Raises
        ------
        Refused
            If it does not fit the schema.
        """
        try:
            return dict(self._answer.dump_python(self._answer.validate_python(sent)))
        except ValidationError as error:
            raise misfit(error) from None

    def from_form(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """Return an answer as JSON has it, from the fields of the page's form: a button says a verdict or a class."""
        verdict, label = fields.get("say", CORRECT), fields.get("class") or fields.get("label", "").strip() or None
        if verdict != CORRECT:
            label = None
        elif label is not None and isinstance(self.scenario.task, Number):
            label = _number(label)  # type: ignore[assignment]
        also = {name.removeprefix("also."): said for name, said in fields.items() if name.startswith("also.") and said}
        found = {"token": fields.get("token", ""), "verdict": verdict, "label": label, "also": also}
        seconds = _number(fields["seconds"]) if fields.get("seconds") else None
        return found | {"comment": fields.get("comment", ""), "seconds": seconds}

    def review(self, item: Stored, said: Mapping[str, Any], reviewer: str, why: str = "") -> Review:
        """Return what a reviewer says of an item, checked against it.

        Raises
        ------
        Refused
            422 if it says nothing, or something that cannot be right of this item.
        """
        verdict, label = said["verdict"], said["label"]
        if (label is None) == (verdict == CORRECT):
            told = "needs a label: what is right" if verdict == CORRECT else "takes no label"
            raise Refused(422, f"The verdict {verdict} {told}.")
        meant = None
        if verdict == ACCEPT:
            meant, label = self._accepted(item)
        elif verdict == CORRECT:
            verdict, meant = self._corrected(item, label)
        also = {} if verdict == SKIP else self._outputs(said["also"])
        comment = cleaning.shorten(said["comment"].strip(), _COMMENT, self.scenario.data)
        return Review("", item.id, reviewer, verdict, meant, label, also, why, said["seconds"], comment)

    def _accepted(self, item: Stored) -> tuple[str, str | None]:
        meant = reviewing.implied(self.scenario, item.facts)
        if meant is None:
            raise Refused(422, "A rule took an action that is best for no class; say which class is right.")
        return meant, None if isinstance(self.scenario.task, Number) else meant

    def _corrected(self, item: Stored, label: Any) -> tuple[str, str]:
        """Return the verdict, which is to accept where the class is the one that was implied, and the class."""
        if isinstance(self.scenario.task, Number):
            return CORRECT, reviewing.band(self.scenario.task, label)
        if label not in reviewing.classes(self.scenario, item.facts):
            raise Refused(422, "There is no such class; `classes` of the item lists them.")
        return ACCEPT if label == reviewing.implied(self.scenario, item.facts) else CORRECT, label

    def _outputs(self, also: Mapping[str, str]) -> dict[str, str]:
        for name, label in also.items():
            output = self.scenario.task.also.get(name)
            if output is None or (output.classes and label not in output.classes):
                raise Refused(422, "There is no such further output, or no such class of it.")
        return dict(also)

    def item(self, queue: Queue, item: Stored) -> dict[str, Any]:
        """Return an item as it is shown before anybody's answer is told: nothing in it says what others think."""
        payload, task = item.payload or {}, self.scenario.task
        told: dict[str, Any] = {name: item.facts[name] for name in _FACTS if item.facts.get(name) is not None}
        waits = item.facts["action"] == REVIEW
        return {
            "decision_id": item.id,
            "time": payload.get("time"),
            "fields": payload.get("fields", {}),
            "attributes": payload.get("attributes", {}),
            **told,
            "waits": waits,
            "implied": reviewing.implied(self.scenario, item.facts),
            "classes": [] if isinstance(task, Number) else list(reviewing.classes(self.scenario, item.facts)),
            "outputs": {name: list(output.classes) for name, output in task.also.items()},
            "earlier": [_earlier(other) for other in queue.earlier(item)[:5]],
            "users": [_said(stored) for stored in queue.entries(item.id) if _by_user(stored)],
        }

    def shown(self, queue: Queue, shown: Shown) -> dict[str, Any]:
        """Return an item in a reviewer's hands; why it is shown is told with the answer."""
        lease = {"token": shown.lease.token, "ends": shown.lease.ends}
        return self.item(queue, shown.item) | {"lease": lease}

    def answered(self, answered: Answered) -> dict[str, Any]:
        """Return what became of an answer: why the item was shown, what others said, and the truth if it is known."""
        mine = answered.review
        found = {"id": mine.id, **told(mine), "state": answered.standing.state, "settled": answered.standing.meant}
        found["others"] = [told(other) for other in answered.others]
        return found | {"truth": answered.truth}


def _number(written: str) -> float:
    try:
        return float(written.replace(",", "."))
    except ValueError:
        raise Refused(422, "This is no number: write it with digits, and a point before the decimals.") from None


def told(review: Review) -> dict[str, Any]:
    """Return a review as JSON has it."""
    names = ("decision_id", "verdict", "label", "meant", "why", "comment", "written")
    return {name: getattr(review, name) for name in names} | {"also": dict(review.also), "reviewer": review.reviewer}


def histories(entries: Sequence[Stored]) -> list[dict[str, Any]]:
    """Return all that was said of a decision in the order of time, with what was taken back marked as such."""
    gone = reviewing.withdrawn(entries)
    return [_said(stored) | {"withdrawn": stored.id in gone} for stored in entries if not _is_undo(stored)]


def _is_undo(stored: Stored) -> bool:
    return (stored.facts.get("review") or {}).get("verdict") == reviewing.UNDO


def _by_user(stored: Stored) -> bool:
    return "review" not in stored.facts and "usage" not in stored.facts


def _said(stored: Stored) -> dict[str, Any]:
    facts = {name: stored.facts[name] for name in ("user", "label", "rating", "review") if name in stored.facts}
    return {**facts, "written": stored.written, "comment": (stored.payload or {}).get("comment", "")}


def _earlier(item: Stored) -> dict[str, Any]:
    payload = item.payload or {}
    told = {name: item.facts[name] for name in ("answer", "action", "probability")}
    return {"decision_id": item.id, "time": payload.get("time"), **told}

"""The outbox: what the agent wants done. Writing it has no effect outside; delivering it does, once an id."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from loopbook.decisions.log import Decision
from loopbook.decisions.rules import REVIEW
from loopbook.scenario.errors import LoopbookError
from loopbook.scenario.task import Task
from loopbook.store.content import digest_json

COLUMNS = ["id", "kind", "decision_id", "row_id", "time", "payload"]

Send = Callable[[Mapping[str, Any]], None]
"""Takes a message to where it belongs, and raises if it did not arrive."""


@dataclass(frozen=True)
class Message:
    """Something to be done: the action on a row, or a question to a reviewer.

    Attributes
    ----------
    id
        The same for the same action on the same row, whichever version of the agent decided it and however often:
        nobody is told twice.
    kind
        The action, or ``review``.
    payload
        What is needed to do it, as JSON.
    """

    id: str
    kind: str
    decision_id: str
    row_id: str
    time: str
    payload: str


class Delivery(NamedTuple):
    """How many messages were delivered now, and how many had been before."""

    delivered: int
    before: int


def messages(agent: str, decision: Decision, fields: Mapping[str, Any], task: Task) -> tuple[Message, ...]:
    """Return what a decision sets off: a question to a reviewer, the action, both one after the other, or nothing.

    Parameters
    ----------
    agent
        The scenario's name.
    decision
        What was decided.
    fields
        The row's input fields, as plain values.
    task
        Its first action is to do nothing.
    """
    kinds = [REVIEW] if decision.reviewed else []
    if decision.action == task.actions[1]:
        kinds.append(task.actions[1])
    time = decision.time.isoformat() if decision.time is not None else ""
    common = {
        "agent": agent,
        "row_id": decision.row_id,
        "time": time,
        "fields": dict(fields),
        "probability": round(decision.probability, 6),
        "reasons": decision.reasons,
        "decision_id": decision.decision_id,
        "versions": [decision.model_version, decision.policy_version, decision.rules_version],
    }
    return tuple(
        Message(
            id=digest_json([agent, decision.row_id, kind])[:20],
            kind=kind,
            decision_id=decision.decision_id,
            row_id=decision.row_id,
            time=time,
            payload=json.dumps({"kind": kind, **common}, ensure_ascii=False, allow_nan=False),
        )
        for kind in kinds
    )


def table(found: Sequence[Message]) -> pd.DataFrame:
    """Return messages as a table, each id once."""
    frame = pd.DataFrame([asdict(message) for message in found], columns=COLUMNS).astype("str")
    return frame.drop_duplicates("id", ignore_index=True)


def deliver(outbox: pd.DataFrame, sent: Path, send: Send | None = None) -> Delivery:
    """Deliver every message that has not been delivered.

    `sent` is a file of JSON lines, one a message, and the memory of what has been delivered. Without `send` it is the
    delivery itself, and every id enters it exactly once, whatever is killed when and however many deliver at once.
    With `send` a message is noted after it has arrived: one that arrived just before the power failed is sent again,
    and the receiver recognises it by its id (a webhook gets it as ``Idempotency-Key``).

    Parameters
    ----------
    outbox
        What `table` returned.
    sent
        The file; its folder is made if it is not there.
    send
        Takes a message elsewhere, such as `loopbook.webhook.sender(address)`.

    Raises
    ------
    LoopbookError
        If `sent` is not such a file, or a message could not be sent. What was delivered before stays delivered.
    """
    from filelock import FileLock

    sent.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{sent}.lock"):
        known = _delivered(sent)
        waiting = [row for row in outbox.to_dict("records") if row["id"] not in known]
        with sent.open("ab") as file:
            for number, row in enumerate(waiting):
                message = {"id": row["id"], **json.loads(row["payload"])}
                if send is not None:
                    try:
                        send(message)
                    except Exception as error:
                        raise LoopbookError(
                            f"Message {row['id']} could not be sent ({error}). {number} were delivered and are noted "
                            f"in {sent.name}; {len(waiting) - number} wait. Deliver again when the receiver answers."
                        ) from error
                file.write(json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
                file.flush()
                os.fsync(file.fileno())
    return Delivery(len(waiting), len(outbox) - len(waiting))


def _delivered(sent: Path) -> set[str]:
    """Return the ids in `sent`; cut off a last line that was broken by a kill."""
    if not sent.exists():
        return set()
    content = sent.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(sent, len(whole))
    try:
        return {str(json.loads(line)["id"]) for line in whole.splitlines()}
    except (ValueError, KeyError, TypeError) as error:
        raise LoopbookError(
            f"{sent} is not a file of delivered messages (JSON lines with an id): {error}. Name another file."
        ) from error

"""Outbox: what the agent wants done, as messages. Writing them has no effect outside; operations deliver them."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from loopbook.decisions.log import Decision
from loopbook.decisions.rules import REVIEW
from loopbook.store.content import digest_json

COLUMNS = ["id", "kind", "decision_id", "row_id", "time", "payload"]
"""Columns of the outbox.

id
    The same for the same action on the same row, whichever version of the agent decided it and however often: nobody
    is told twice.
kind
    The action, or ``review``.
payload
    What is needed to do it, as JSON.
"""


def messages(agent: str, decision: Decision, fields: Mapping[str, Any], idle: Collection[str]) -> list[dict[str, str]]:
    """Return what a decision sets off: a question to a reviewer, the action, both one after the other, or nothing.

    Parameters
    ----------
    agent
        The scenario's name.
    decision
        What was decided.
    fields
        The row's input fields, as plain values.
    idle
        Actions that are to do nothing.
    """
    kinds = [REVIEW] if decision.reviewed else []
    if decision.action not in (REVIEW, *idle):
        kinds.append(decision.action)
    time = decision.time.isoformat() if decision.time is not None else ""
    common = {
        "agent": agent,
        "row_id": decision.row_id,
        "time": time,
        "fields": dict(fields),
        "probability": round(decision.probability, 6),
        "answer": decision.answer,
        "reasons": decision.reasons,
        "decision_id": decision.decision_id,
        "versions": [decision.model_version, decision.policy_version, decision.rules_version],
    }
    return [
        {
            "id": digest_json([agent, decision.row_id, kind])[:20],
            "kind": kind,
            "decision_id": decision.decision_id,
            "row_id": decision.row_id,
            "time": time,
            "payload": json.dumps({"kind": kind, **common}, ensure_ascii=False, allow_nan=False),
        }
        for kind in kinds
    ]


def table(found: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """Return messages as a table, each id once."""
    frame = pd.DataFrame(found, columns=COLUMNS).astype("str")
    return frame.drop_duplicates("id", ignore_index=True)

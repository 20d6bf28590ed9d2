"""The desk's numbers from conversation records: by hand."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from loopbook.desk import numbers, records
from loopbook.scenario.desk import DeskCosts

START = datetime(2026, 5, 4, 9, tzinfo=UTC)


def event(conversation: str, number: int, kind: str, minute: float = 0, **more: object) -> dict[str, object]:
    row = dict.fromkeys(records.LINE) | {"conversation": conversation, "number": number, "event": kind, **more}
    return row | {"written": START + timedelta(minutes=minute)}


def test_what_became_of_conversations_is_counted() -> None:
    talked = pd.DataFrame(
        [
            event("a", 1, records.ASKED, act="clarify", state="desk"),
            event("a", 2, records.ASKED, act="answer", state="desk"),
            event("a", 3, records.RATED, state="desk", rating=5),
            event("b", 1, records.ASKED, act="answer", state="desk"),
            event("b", 2, records.RATED, state="desk", rating=1),
            event("c", 1, records.ASKED, act="hand_over", state="waits"),
            event("c", 2, records.WROTE, minute=12, state="answered", user="p"),
            event("d", 1, records.ASKED, act="decline", state="desk"),
            event("d", 2, records.ASKED, minute=1, act="hand_over", state="waits"),
            event("e", 0, records.OPENED, state="desk"),
        ],
        columns=records.LINE,
    )
    found = numbers.numbers(talked, DeskCosts(wrong=8, clarification=0.5, person=4, waiting=0.1)).set_index("measure")
    value, of = found["value"], found["of"]
    assert value["resolved without a person"] == pytest.approx(0.5)
    assert of["resolved without a person"] == 4
    assert (value["wrong answers, of those judged"], of["wrong answers, of those judged"]) == (0.5, 2)
    assert value["harmful text declined"] == 0.25
    assert value["handed over and nobody has written yet"] == 0.25
    assert value["minutes until a person wrote, mean"] == pytest.approx(12)
    assert value["cost of a conversation"] == pytest.approx((0.5 + 8 + 4 + 1.2 + 4) / 4)
    assert ((found["low"] <= value) | found["low"].isna()).all()


def test_without_conversations_there_are_no_numbers() -> None:
    assert numbers.numbers(pd.DataFrame(), DeskCosts()).empty
    opened = pd.DataFrame([event("e", 0, records.OPENED, state="desk")], columns=records.LINE)
    assert numbers.numbers(opened, DeskCosts()).empty

"""Micro-batching: what is asked at once is decided together, in order, bounded, and one call harms no other."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime

import pytest

from loopbook.decisions.audit.entry import Entry, Stored
from loopbook.service.batching import Batcher
from loopbook.service.deciding import Asked, Busy


class Behind:
    """Decides by counting; `gate` holds the thread until it is set."""

    def __init__(self, **how: object) -> None:
        self.batches: list[int] = []
        self.gate = threading.Event()
        self.began = threading.Event()
        self.waited: list[float] = []
        self.batcher = Batcher(self.decide, self.known, self.append, measured=self.waited.extend, **how)

    def decide(self, calls: Sequence[Asked]) -> list[list[Entry]]:
        self.began.set()
        assert self.gate.wait(10)
        self.batches.append(len(calls))
        if any(request["id"] == "bad" for asked in calls for request in asked.requests):
            raise ValueError("no number")
        return [[Entry("decision", request["id"], {}) for request in asked.requests] for asked in calls]

    def known(self, calls: Sequence[Asked]) -> list[list[Stored] | None]:
        return [[Stored("decision", "before", {})] if asked.key == "used" else None for asked in calls]

    def append(self, entries: Sequence[Entry]) -> Future[list[Stored]]:
        future: Future[list[Stored]] = Future()
        future.set_result([Stored(each.kind, each.id, {}, written=datetime.now(UTC)) for each in entries])
        return future


def asked(*names: str, key: str | None = None) -> Asked:
    return Asked([{"id": name, "fields": {}} for name in names], "ann", key, "digest")


def ids(future: Future[list[Stored]]) -> list[str]:
    return [stored.id for stored in future.result(10)]


def test_calls_that_came_while_one_was_decided_are_decided_together() -> None:
    behind = Behind(most=4)
    with behind.batcher as batcher:
        first = batcher.ask(asked("a"))
        assert behind.began.wait(10)
        later = [batcher.ask(asked(*names)) for names in (["b"], ["c", "d"], ["e"], ["f", "g", "h", "i", "j"], ["k"])]
        behind.gate.set()
        assert ids(first) == ["a"]
        assert [ids(future) for future in later] == [["b"], ["c", "d"], ["e"], ["f", "g", "h", "i", "j"], ["k"]]
    assert behind.batches == [1, 3, 1, 1], "four at most, and a larger call by itself"
    assert len(behind.waited) == 11 and min(behind.waited) >= 0


def test_switched_off_each_call_is_decided_by_itself() -> None:
    behind = Behind(most=1)
    behind.gate.set()
    with behind.batcher as batcher:
        futures = [batcher.ask(asked(str(number))) for number in range(9)]
        assert [ids(future) for future in futures] == [[str(number)] for number in range(9)]
    assert behind.batches == [1] * 9


def test_a_call_that_cannot_be_decided_harms_no_other() -> None:
    behind = Behind(most=8)
    with behind.batcher as batcher:
        batcher.ask(asked("a"))
        assert behind.began.wait(10)
        good, bad, other = (batcher.ask(asked(name)) for name in ("b", "bad", "c"))
        behind.gate.set()
        assert (ids(good), ids(other)) == (["b"], ["c"])
        with pytest.raises(ValueError, match="no number"):
            bad.result(10)


def test_a_fault_beside_the_decisions_reaches_the_caller_and_stops_nothing() -> None:
    behind = Behind()
    behind.gate.set()
    known, behind.batcher._known = behind.known, lambda calls: [None, None]
    with behind.batcher as batcher:
        with pytest.raises(ValueError, match="zip"):
            batcher.ask(asked("a")).result(10)
        behind.batcher._known = known
        assert ids(batcher.ask(asked("b"))) == ["b"]


def test_what_was_decided_before_is_not_decided_again() -> None:
    behind = Behind()
    behind.gate.set()
    with behind.batcher as batcher:
        assert ids(batcher.ask(asked("a", key="used"))) == ["before"]
    assert behind.batches == []


def test_a_full_queue_refuses_and_a_closing_one_finishes() -> None:
    behind = Behind(most=4, room=3)
    with behind.batcher as batcher:
        futures = [batcher.ask(asked("a"))]
        assert behind.began.wait(10)
        futures += [batcher.ask(asked("b", "c"))]
        with pytest.raises(Busy):
            batcher.ask(asked("d", "e"))
        futures += [batcher.ask(asked("f"))]
        behind.gate.set()
    assert [ids(future) for future in futures] == [["a"], ["b", "c"], ["f"]]
    with pytest.raises(Busy):
        batcher.ask(asked("g"))

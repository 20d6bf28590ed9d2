"""The budget of reviews goes on where the log ends, in parts that add up."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from loopbook.decisions.audit.entry import Entry, new_id
from loopbook.decisions.audit.writer import Writer
from loopbook.service.budget import Count, counted, writers_of


def decisions(*reviewed: bool) -> list[Entry]:
    text = 'he wrote "reviewed":true'
    return [Entry("decision", new_id(), {"reviewed": each, "reasons": text}) for each in reviewed]


def test_it_is_counted_from_the_log(engine: Engine) -> None:
    begun = datetime.now(UTC) - timedelta(seconds=1)
    with Writer(engine, "a/smoke") as writer, Writer(engine, "b/smoke") as other:
        writer.append([*decisions(True, False, False, True), Entry("feedback", "f", {"reviewed": True})]).result()
        other.append(decisions(True)).result()
    assert counted(engine, "a/smoke") == Count(4, 2) and counted(engine, "c/smoke") == Count(0, 0)
    mine = writers_of(engine, "a/smoke", [os.getpid()], begun)
    assert mine == [writer.id] and counted(engine, "a/smoke", mine) == Count(4, 2)
    assert writers_of(engine, "a/smoke", [os.getpid()], begun + timedelta(days=1)) == []
    assert writers_of(engine, "a/smoke", [int(f"{os.getpid()}0"), os.getpid() // 10], begun) == []
    budget = counted(engine, "a/smoke").budget(0.5)
    assert not budget.ask(True), "2 of 5 are asked about; a third would be more than half"
    assert budget.ask(True)


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(1, 9))
def test_parts_add_up(decided: int, reviews: int, workers: int) -> None:
    parts = [Count(decided, reviews).part(slot, workers) for slot in range(workers)]
    assert sum(part.decisions for part in parts) == decided and sum(part.reviews for part in parts) == reviews

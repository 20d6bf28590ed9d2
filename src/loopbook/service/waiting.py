"""Queue of handed-over conversations, as a worker has read it from the log: the longest wait first."""

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Engine, or_, select

from loopbook.decisions.audit import chain
from loopbook.decisions.audit.tables import RECORDS
from loopbook.desk import records
from loopbook.desk.records import ANSWERED, OVER, WAITS

_OVERLAP = timedelta(seconds=2)  # by which an entry may be there later than its time says


class Waiting:
    """Conversations of one agent that a person has to look after; callable from any thread."""

    def __init__(self, engine: Engine, agent: str) -> None:
        self._engine, self._agent = engine, agent
        self._lock = threading.Lock()
        self._until: datetime | None = None
        self._open: dict[str, tuple[str, datetime]] = {}  # id to state, and since when it stands so

    def refresh(self) -> tuple[Mapping[str, datetime], Mapping[str, datetime]]:
        """Return who waits, and since when, the longest first; and who was answered and may write again."""
        with self._lock:
            for id, state, written in self._new():
                if state == OVER:
                    self._open.pop(id, None)
                elif self._open.get(id, ("", written))[0] != state:
                    self._open[id] = state, written
            return self._of(WAITS), self._of(ANSWERED)

    def _of(self, state: str) -> dict[str, datetime]:
        found = ((id, since) for id, (now, since) in self._open.items() if now == state)
        return dict(sorted(found, key=lambda pair: pair[1]))

    def _new(self) -> list[tuple[str, str, datetime]]:
        """Return what may be new since the last time, in the order of time: conversation, state, when."""
        marks = {state: f'"state":"{state}"' for state in (WAITS, ANSWERED, OVER)}  # as canonical JSON has it
        query = select(RECORDS.c.about, RECORDS.c.facts, RECORDS.c.written).where(
            RECORDS.c.agent == self._agent,
            RECORDS.c.kind == records.KIND,
            or_(*(RECORDS.c.facts.contains(mark, autoescape=True) for mark in marks.values())),
        )
        if self._until is not None:
            query = query.where(RECORDS.c.written > chain.stamp(self._until - _OVERLAP))
        order = RECORDS.c.written, RECORDS.c.writer, RECORDS.c.seq
        with self._engine.connect().execution_options(yield_per=2_000) as connection:
            found = [
                (row.about, next(state for state, mark in marks.items() if mark in row.facts), row.written)
                for row in connection.execute(query.order_by(*order))
            ]
        if found:
            self._until = chain.moment(found[-1][2])
        return [(id, state, chain.moment(written)) for id, state, written in found]

"""The budget of reviews of a worker: its part of what the log says that people have been asked."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Engine, func, select

from loopbook.decisions.audit import chain
from loopbook.decisions.audit.tables import RECORDS
from loopbook.decisions.replay import Budget

_ASKED = '%"reviewed":true%'  # canonical JSON; in a text of a caller the quotation marks would be escaped


class Count(NamedTuple):
    """Decisions, and about how many of them a person was asked."""

    decisions: int
    reviews: int

    def part(self, slot: int, of: int) -> "Count":
        """Return one of `of` parts that add up to the whole."""
        return Count(*(whole // of + (slot < whole % of) for whole in self))

    def __add__(self, other: "Count") -> "Count":  # type: ignore[override]
        return Count(self.decisions + other.decisions, self.reviews + other.reviews)

    def budget(self, capacity: float) -> Budget:
        return Budget(capacity, self.decisions, self.reviews)


def counted(engine: Engine, agent: str, writers: Collection[str] | None = None) -> Count:
    """Count an agent's decisions in the log, all of them or those of some writers."""
    query = select(func.count(), func.count().filter(RECORDS.c.facts.like(_ASKED))).select_from(RECORDS)
    query = query.where(RECORDS.c.agent == agent, RECORDS.c.kind == "decision")
    if writers is not None:
        query = query.where(RECORDS.c.writer.in_(list(writers)))
    with engine.connect() as connection:
        return Count(*connection.execute(query).one())


def writers_of(engine: Engine, agent: str, processes: Collection[int], since: datetime) -> list[str]:
    """Return the chains that processes have begun since a time."""
    query = select(RECORDS.c.writer, RECORDS.c.facts).where(
        RECORDS.c.agent == agent, RECORDS.c.seq == 0, RECORDS.c.written >= chain.stamp(since)
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return [row.writer for row in rows if any(f'"process":{process},' in row.facts for process in processes)]

"""Leases: who looks at which item now, so that no item is with two people at once, over processes and replicas."""

import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Engine, Float, MetaData, String, Table, Text, delete, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from loopbook.decisions.audit.database import writing

METADATA = MetaData()
LEASES = Table(
    "review_leases",
    METADATA,
    Column("agent", Text, primary_key=True),
    Column("decision_id", Text, primary_key=True),
    Column("reviewer", Text, nullable=False),
    Column("token", String(32), nullable=False),
    Column("why", Text, nullable=False),
    Column("begun", Float, nullable=False),
    Column("ends", Float, nullable=False),
)
"""One row an item at most: the primary key is what keeps two people apart. Times are Unix seconds of the database's
clock, where it has one. Nothing is lost with a lease: what was answered stands in the log."""


@dataclass(frozen=True)
class Lease:
    """An item in somebody's hands: `token` names the lease in the answer, `why` it was shown stays hidden till then."""

    decision_id: str
    reviewer: str
    token: str
    why: str
    begun: float
    ends: float


class Leases:
    """The leases of one agent.

    Parameters
    ----------
    engine
        Of the database that all workers share.
    agent
        Whose items.
    seconds
        After which a lease ends by itself.
    """

    def __init__(self, engine: Engine, agent: str, seconds: float) -> None:
        self._engine, self._agent, self._seconds = engine, agent, seconds

    def take(self, decision_id: str, reviewer: str, why: str, token: str = "") -> Lease | None:
        """Return a new lease on an item; None if somebody has it, and be it the same reviewer in another window.

        `token`: of a lease that has ended, to begin again under it.
        """
        with writing(self._engine) as connection:
            now = _now(connection)
            lease = Lease(decision_id, reviewer, token or secrets.token_hex(16), why, now, now + self._seconds)
            made = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            row = {**vars(lease), "agent": self._agent}
            query = made(LEASES).values(row).on_conflict_do_nothing().returning(LEASES.c.token)
            return lease if connection.scalar(query) else None

    def held(self, reviewer: str) -> list[Lease]:
        """Return what a reviewer has in hand, the oldest first."""
        return [lease for lease in self.all() if lease.reviewer == reviewer]

    def extend(self, token: str, reviewer: str) -> bool:
        """Let a lease that has not ended last as long as a new one; False: there is none."""
        with writing(self._engine) as connection:
            now = _now(connection)
            mine = (LEASES.c.agent == self._agent, LEASES.c.token == token, LEASES.c.reviewer == reviewer)
            longer = update(LEASES).where(*mine, LEASES.c.ends > now).values(ends=now + self._seconds)
            return connection.execute(longer).rowcount == 1

    def all(self) -> list[Lease]:
        """Return all leases that have not ended."""
        with self._engine.connect() as connection:
            query = self._mine().where(LEASES.c.ends > _now(connection)).order_by(LEASES.c.begun)
            return [Lease(**row._mapping) for row in connection.execute(query)]

    def release(self, tokens: Collection[str]) -> None:
        """End leases; what is no lease any more is none."""
        with writing(self._engine) as connection:
            connection.execute(delete(LEASES).where(LEASES.c.agent == self._agent, LEASES.c.token.in_(tokens)))

    def lapsed(self) -> list[Lease]:
        """End the leases whose time has run out, and return them; of several callers one is told of each."""
        with writing(self._engine) as connection:
            gone = delete(LEASES).where(LEASES.c.agent == self._agent, LEASES.c.ends <= _now(connection))
            names = Lease.__dataclass_fields__
            return [
                Lease(*(getattr(row, name) for name in names)) for row in connection.execute(gone.returning(LEASES))
            ]

    def _mine(self):  # type: ignore[no-untyped-def]
        return select(*(LEASES.c[name] for name in Lease.__dataclass_fields__)).where(LEASES.c.agent == self._agent)


def _now(connection: Connection) -> float:
    """Return the time by the clock that all who share the database have in common."""
    if connection.dialect.name == "postgresql":
        return float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
    return time.time()

"""Limits: how much a caller may ask for, all workers together, and how large and slow a request may be."""

import asyncio
import math
import threading
import time
from typing import Any

from sqlalchemy import Column, Connection, Engine, Float, MetaData, Table, Text, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from loopbook.decisions.audit.database import writing
from loopbook.service.errors import Refused

METADATA = MetaData()
ALLOWANCES = Table(
    "service_allowances",
    METADATA,
    Column("agent", Text, primary_key=True),
    Column("caller", Text, primary_key=True),
    Column("remaining", Float, nullable=False),
    Column("at", Float, nullable=False),
)
"""What each caller has left: a token bucket, filled by the time since `at` (Unix seconds of the database's clock, where
it has one)."""

LEASE = 0.25
"""Seconds of a caller's rate that a worker takes from the database at once, so that most requests do not touch it."""

_KEPT = 1.0  # seconds for which a lease holds; what is left of it then is gone, to the caller's disadvantage


class Allowance:
    """What callers may still ask for: a rate, and what they have saved up, shared by all workers and replicas.

    Parameters
    ----------
    engine
        Of the database that they share.
    agent
        Whose callers.
    rate
        Decisions a second and caller.
    burst
        Seconds of unused rate that can be saved up.
    """

    def __init__(self, engine: Engine, agent: str, rate: float, burst: float) -> None:
        self._engine, self._agent, self._rate = engine, agent, rate
        self._most = max(1.0, rate * burst)
        self._leases: dict[str, tuple[int, float]] = {}  # decisions left, and until when
        self._lock, self._leasing = threading.Lock(), threading.Lock()

    def take(self, caller: str, many: int) -> bool:
        """Take from what this worker has at hand, without waiting; False: `lease` first."""
        with self._lock:
            left, until = self._leases.get(caller, (0, 0.0))
            if left < many or time.monotonic() > until:
                return False
            self._leases[caller] = (left - many, until)
            return True

    def lease(self, caller: str, many: int) -> None:
        """Take from the database, as much at once as is sensible; it waits for it.

        Raises
        ------
        Refused
            429, with the seconds after which there will be enough.
        """
        if many > self._most:
            raise Refused(
                413,
                f"{many:,} decisions at once are more than is ever allowed; send at most {math.floor(self._most):,}.",
            )
        with self._leasing:
            if self.take(caller, many):  # a lease came in between
                return
            granted, left = self._granted(caller, many)
            if not granted:
                seconds = max(1, math.ceil((many - left) / self._rate))
                raise Refused(
                    429,
                    f"More than {self._rate:g} decisions a second for this caller; come back in {seconds} s.",
                    {"Retry-After": str(seconds)},
                )
            with self._lock:
                before, until = self._leases.get(caller, (0, 0.0))
                kept = before if time.monotonic() <= until else 0
                self._leases[caller] = (kept + granted - many, time.monotonic() + _KEPT)

    def _granted(self, caller: str, many: int) -> tuple[int, float]:
        """Return how many the database grants, 0 if fewer than `many`, and what the caller had left."""
        wanted = max(many, math.ceil(self._rate * LEASE))
        for again in (True, False):
            try:
                with writing(self._engine) as connection:
                    left = self._filled(connection, caller)
                    granted = min(wanted, math.floor(left))
                    if granted >= many:
                        self._store(connection, caller, left - granted)
                    return (granted, left) if granted >= many else (0, left)
            except IntegrityError:  # another process has made the caller's first row at the same moment
                if not again:
                    raise
        raise AssertionError("unreachable")

    def _filled(self, connection: Connection, caller: str) -> float:
        """Return what a caller has left now; the row is held until the transaction ends."""
        now = self._now(connection)
        where = (ALLOWANCES.c.agent == self._agent) & (ALLOWANCES.c.caller == caller)
        row = connection.execute(select(*ALLOWANCES.c["remaining", "at"]).where(where).with_for_update()).first()
        if row is None:
            first = {"agent": self._agent, "caller": caller, "remaining": self._most, "at": now}
            connection.execute(insert(ALLOWANCES).values(first))
            return self._most
        return min(self._most, float(row.remaining) + max(0.0, now - float(row.at)) * self._rate)

    def _store(self, connection: Connection, caller: str, left: float) -> None:
        where = (ALLOWANCES.c.agent == self._agent) & (ALLOWANCES.c.caller == caller)
        connection.execute(update(ALLOWANCES).where(where).values(remaining=left, at=self._now(connection)))

    @staticmethod
    def _now(connection: Connection) -> float:
        """Return the time by the clock that all who share the database have in common."""
        if connection.dialect.name == "postgresql":
            return float(connection.execute(text("SELECT extract(epoch FROM transaction_timestamp())")).scalar_one())
        return time.time()


async def body(receive: Any, length: str | None, most: int, seconds: float) -> bytes:
    """Return the body of a request.

    Parameters
    ----------
    receive
        ASGI's.
    length
        The header ``Content-Length``, if there is one.
    most
        Bytes.
    seconds
        In which all of it must have come.

    Raises
    ------
    Refused
        413 as soon as it is known to be too large, 408 when it does not come; the connection is closed.
    """
    large = Refused(413, f"The body is larger than {most:,} bytes; send fewer or shorter requests.", _CLOSE)
    if length is not None and (not length.isascii() or not length.isdigit() or int(length[:20]) > most):
        raise large
    parts, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused(400, "The connection was closed before the body was complete.", _CLOSE)
                parts.append(part := message.get("body", b""))
                size += len(part)
                if size > most:
                    raise large
                if not message.get("more_body", False):
                    return b"".join(parts) if len(parts) > 1 else part
    except TimeoutError:
        raise Refused(408, f"The body did not come within {seconds:g} s.", _CLOSE) from None


_CLOSE = {"Connection": "close"}

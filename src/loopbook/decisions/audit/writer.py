"""Writer of the log: one hash chain, committed in groups; what it has answered is on the disk."""

import secrets
import sqlite3
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple, Self

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from loopbook.decisions.audit import chain, entry, reader
from loopbook.decisions.audit.database import writing
from loopbook.decisions.audit.entry import KINDS, Entry, LogError, Stored
from loopbook.decisions.audit.tables import PAYLOADS, RECORDS

ATTEMPTS = 5
"""Times that a group is tried, where another process took a key or a lock in between, or the server went away."""
PAUSE = 0.05
"""Seconds before the second attempt; each further pause is twice as long."""


_AS_STORED = ("agent", "writer", "seq", "kind", "id", "key", "payload_digest", "previous", "hash")


class _Head(NamedTuple):
    """The last record of a chain."""

    seq: int
    hash: str
    written: datetime


_NOWHERE = _Head(-1, chain.GENESIS, datetime.min.replace(tzinfo=UTC))


@dataclass(frozen=True)
class _Ready:
    """An entry with all that does not depend on its place in the chain."""

    entry: Entry
    facts: str
    key: str | None
    salt: str | None
    payload: str | None
    payload_digest: str | None


class Writer:
    """Writer of an agent's log, a context manager: a chain of its own from the first record to the closing one.

    A thread commits what has come in since the last commit as one group, so many callers share one sync of the disk.
    Several writers, in threads, processes and on machines, may write at the same time, and wait for each other only
    inside the database.

    Parameters
    ----------
    engine
        What `database.connect` returned, in this process: not one from before a fork.
    agent
        The scenario's name.
    wait
        Seconds for which a group waits for more entries after its first.
    most
        Entries in a group, unless a single call brings more.
    """

    def __init__(self, engine: Engine, agent: str, *, wait: float = 0.002, most: int = 1_000) -> None:
        self.agent = agent
        self.id = uuid.uuid4().hex
        self._engine, self._wait, self._most = engine, wait, most
        self._waiting: deque[tuple[list[_Ready], Future[list[Stored]]]] = deque()
        self._changed = threading.Condition()
        self._ending = False
        self._head: _Head | None = None  # None: not known, so it is read
        self._thread = threading.Thread(target=self._run, name=f"log-writer-{agent}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.append([entry.opened()]).result()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def waiting(self) -> int:
        """Number of calls of `append` that are not being committed yet."""
        return len(self._waiting)

    def append(self, entries: Iterable[Entry]) -> Future[list[Stored]]:
        """Append entries to the log, all or none of them; callable from any thread, and it does not wait.

        Returns
        -------
        Future
            Resolves when all are on the disk, to what is stored, in the order given. Where a key was taken before, that
            is what was stored under it then (`Stored.duplicate`). It fails with a `LogError` if the database does.

        Raises
        ------
        LogError
            If an entry is none, or the writer is closed.
        """
        ready = [_ready(given) for given in entries]
        future: Future[list[Stored]] = Future()
        if not ready:
            future.set_result([])
            return future
        with self._changed:
            if self._ending or not self._thread.is_alive():
                raise LogError(f"The log's writer of {self.agent} is closed, so nothing can be stored.")
            self._waiting.append((ready, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Store what is waiting and the closing record; the chain ends."""
        last: Future[list[Stored]] = Future()
        with self._changed:
            if self._ending or not self._thread.is_alive():
                return
            self._waiting.append(([_ready(entry.closed())], last))
            self._ending = True  # in one step: nothing may come behind the closing record
            self._changed.notify()
        self._thread.join()
        last.result()

    def _stop(self) -> None:
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._group():
            calls = [call for call in group if call[1].set_running_or_notify_cancel()]
            items = [item for ready, _ in calls for item in ready]
            try:
                stored = iter(self._stored(items) if items else [])
            except Exception as error:
                for _, future in calls:
                    future.set_exception(_told(error))
                continue
            for ready, future in calls:
                future.set_result([next(stored) for _ in ready])

    def _group(self) -> list[tuple[list[_Ready], Future[list[Stored]]]]:
        """Return the calls to commit next; nothing when the writer has ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ending)
            if self._waiting and not self._ending:
                self._changed.wait_for(lambda: self._ending or self._size() >= self._most, self._wait)
            group: list[tuple[list[_Ready], Future[list[Stored]]]] = []
            size = 0
            while self._waiting and (not group or size + len(self._waiting[0][0]) <= self._most):
                group.append(self._waiting.popleft())
                size += len(group[-1][0])
            return group

    def _size(self) -> int:
        return sum(len(ready) for ready, _ in self._waiting)

    def _stored(self, items: Sequence[_Ready]) -> list[Stored]:
        """Commit a group, again where that failed for a reason that passes, and return what is stored."""
        for attempt in range(ATTEMPTS):
            links: list[tuple[_Ready, Stored]] = []
            result: list[Stored] = []
            try:
                with writing(self._engine) as connection:
                    head = self._head or self._read_head(connection)
                    links, result = self._links(items, reader.by_keys(connection, self.agent, _keys(items)), head)
                    _insert(connection, links)
                self._head = _place(links[-1][1]) if links else head
                return result
            except DBAPIError as error:
                self._head = None
                if attempt + 1 == ATTEMPTS or not _passes(error):
                    raise
                time.sleep(PAUSE * 2**attempt)
                if links and self._is_committed(links[-1][1]):  # what was lost was the answer to the commit
                    return result
        raise AssertionError("the last attempt returns or raises")

    def _links(
        self, items: Sequence[_Ready], known: dict[str | None, Stored], head: _Head
    ) -> tuple[list[tuple[_Ready, Stored]], list[Stored]]:
        """Return what is new, at the end of the chain, and the answer for each entry; `known` is by key."""
        links, result = [], []
        for item in items:
            if item.key in known:
                result.append(replace(known[item.key], duplicate=True))
                continue
            stored = self._link(item, head)
            head = _place(stored)
            links.append((item, stored))
            result.append(stored)
            if item.key:
                known[item.key] = stored
        return links, result

    def _link(self, item: _Ready, head: _Head) -> Stored:
        """Return an entry at the end of the chain. Its time is never before that of the record before it."""
        place = {"agent": self.agent, "writer": self.id, "seq": head.seq + 1, "kind": item.entry.kind}
        said = {"id": item.entry.id, "key": item.key, "payload_digest": item.payload_digest, "previous": head.hash}
        written = max(datetime.now(UTC), head.written)
        hash = chain.record_hash(**place, **said, written=chain.stamp(written), facts=item.facts)  # type: ignore[arg-type]
        told = {"facts": item.entry.facts, "payload": item.entry.payload, "written": written, "hash": hash}
        return Stored(**place, **said, **told)  # type: ignore[arg-type]

    def _read_head(self, connection: Connection) -> _Head:
        query = select(RECORDS.c.seq, RECORDS.c.hash, RECORDS.c.written).where(RECORDS.c.writer == self.id)
        row = connection.execute(query.order_by(RECORDS.c.seq.desc()).limit(1)).first()
        return _Head(row.seq, row.hash, chain.moment(row.written)) if row else _NOWHERE

    def _is_committed(self, last: Stored) -> bool:
        with self._engine.connect() as connection:
            self._head = self._read_head(connection)
        return self._head.hash == last.hash


def _ready(given: Entry) -> _Ready:
    if given.kind not in KINDS:
        raise LogError(f"An entry is of kind {', '.join(KINDS)}, not {given.kind!r}.")
    try:
        facts = chain.canonical(dict(given.facts))
        payload = None if given.payload is None else chain.canonical(dict(given.payload))
    except (TypeError, ValueError) as error:
        raise LogError(f"What is stored of {given.kind} {given.id} must be plain JSON: {error}.") from error
    key = None if given.key is None else chain.sha256(given.key)
    if payload is None:
        return _Ready(given, facts, key, None, None, None)
    salt = secrets.token_hex(16)
    return _Ready(given, facts, key, salt, payload, chain.payload_digest(salt, payload))


def _insert(connection: Connection, links: Sequence[tuple[_Ready, Stored]]) -> None:
    records = [
        {
            **{name: getattr(stored, name) for name in _AS_STORED},
            "about": entry.about(stored.id, stored.facts),
            "written": chain.stamp(stored.written),
            "facts": item.facts,
        }
        for item, stored in links
    ]
    payloads = [
        {"writer": stored.writer, "seq": stored.seq, "salt": item.salt, "payload": item.payload}
        for item, stored in links
        if item.payload is not None
    ]
    for table, rows in ((RECORDS, records), (PAYLOADS, payloads)):
        if rows:
            connection.execute(insert(table), rows)


def _keys(items: Iterable[_Ready]) -> list[str]:
    return [item.key for item in items if item.key]


def _place(stored: Stored) -> _Head:
    return _Head(stored.seq, stored.hash, stored.written)


def _passes(error: DBAPIError) -> bool:
    """Say whether the same may go well the next time: a key taken meanwhile, a deadlock, a server that went away."""
    if isinstance(error, IntegrityError) or error.connection_invalidated:
        return True
    return isinstance(error, OperationalError) and not isinstance(error.orig, sqlite3.Error)


def _told(error: Exception) -> LogError:
    """Return the error of a commit, without what was to be committed."""
    cause = getattr(error, "orig", None) or error
    said = str(cause).strip().partition("\n")[0].rstrip(".")
    told = LogError(f"The log's database did not take it: {said}. What was sent may be sent again with the same key.")
    told.__cause__ = error
    return told

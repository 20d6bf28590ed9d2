"""Reader of the log: one record by its id, or all of them up to a watermark, in the order of time."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Connection, Engine, Row, Select, cast, func, select, type_coerce

from loopbook.decisions.audit import chain
from loopbook.decisions.audit.entry import Stored
from loopbook.decisions.audit.tables import PAYLOADS, RECORDS

Watermark = Mapping[str, int]
"""Up to where each writer's chain is meant: writer to seq, inclusive. A chain has no gaps, so what lies at or below a
watermark is the same whenever it is read; only payloads may be forgotten."""

PAGE = 2_000
"""Records that are fetched at once."""


def find(engine: Engine, agent: str, id: str) -> Stored | None:
    """Return the record with an id; None if there is none."""
    query = records().where(RECORDS.c.agent == agent, RECORDS.c.id == id)
    with engine.connect() as connection:
        row = connection.execute(query.order_by(RECORDS.c.written).limit(1)).first()
    return stored(row) if row else None


def about(engine: Engine, id: str, agent: str | None = None) -> list[Stored]:
    """Return all that is said about a decision, in the order of time: the decision, feedback, acts."""
    query = records().where(RECORDS.c.about == id)
    if agent is not None:
        query = query.where(RECORDS.c.agent == agent)
    with engine.connect() as connection:
        return [stored(row) for row in connection.execute(_in_time(query))]


def named(engine: Engine, id: str) -> list[Stored]:
    """Return the records with an id, of whatever agent."""
    with engine.connect() as connection:
        return [stored(row) for row in connection.execute(_in_time(records().where(RECORDS.c.id == id)))]


def decision_ids(engine: Engine, agent: str | None = None) -> list[str]:
    """Return the ids of all decisions, of one agent or of all, in an order that stays."""
    query = select(RECORDS.c.id).where(RECORDS.c.kind == "decision")
    query = query if agent is None else query.where(RECORDS.c.agent == agent)
    with engine.connect() as connection:
        return list(connection.scalars(query.order_by(RECORDS.c.written, RECORDS.c.writer, RECORDS.c.seq)))


def deciding(engine: Engine, agent: str, moment: datetime) -> Stored | None:
    """Return the last record before a moment that names the versions that decide: a decision, or a take-over."""
    before = records().where(RECORDS.c.agent == agent, RECORDS.c.written <= chain.stamp(moment))
    last = before.order_by(RECORDS.c.written.desc(), RECORDS.c.writer, RECORDS.c.seq.desc())
    with engine.connect().execution_options(yield_per=100) as connection:
        rows = map(stored, connection.execute(last.where(RECORDS.c.kind.in_(("decision", "admin")))))
        return next((stored for stored in rows if "versions" in stored.facts), None)


def runs(engine: Engine) -> set[str]:
    """Return the runs, as scenario/run, by which the log says that decisions were taken."""
    facts = type_coerce(RECORDS.c.facts, JSON) if engine.dialect.name == "sqlite" else cast(RECORDS.c.facts, JSON)
    run = facts["versions"]["run"].as_string()
    with engine.connect() as connection:
        return set(connection.scalars(select(run).where(RECORDS.c.kind != "feedback", run.is_not(None)).distinct()))


def entries(
    engine: Engine,
    agent: str,
    after: Watermark | None = None,
    until: Watermark | None = None,
    kinds: Iterable[str] | None = None,
    since: datetime | None = None,
) -> Iterator[Stored]:
    """Yield an agent's records in the order of time (then writer and seq), a page of them in memory.

    Parameters
    ----------
    after
        Records at or below this watermark are left out; None: none are.
    until
        Records above this watermark are left out; None: what is there now is its own watermark.
    kinds
        Of `entry.KINDS`; None: all.
    since
        Records written before are left out.
    """
    after = after or {}
    until = watermark(engine, agent) if until is None else until
    writers = [writer for writer, seq in until.items() if seq > after.get(writer, -1)]
    query = _in_time(records().where(RECORDS.c.agent == agent, RECORDS.c.writer.in_(writers)))
    if kinds is not None:
        query = query.where(RECORDS.c.kind.in_(list(kinds)))
    if since is not None:
        query = query.where(RECORDS.c.written >= chain.stamp(since))
    with engine.connect().execution_options(yield_per=PAGE) as connection:
        for row in connection.execute(query):
            if after.get(row.writer, -1) < row.seq <= until[row.writer]:
                yield stored(row)


def latest(
    engine: Engine,
    agent: str,
    kind: str,
    most: int | None,
    after: datetime | None = None,
    marks: Iterable[str] = (),
) -> list[Stored]:
    """Return an agent's last records of a kind, at most so many, in the order of time; only those written after.

    `marks`: parts of the facts, as canonical JSON has them, that a record must contain.
    """
    query = records().where(RECORDS.c.agent == agent, RECORDS.c.kind == kind)
    query = query.where(*(RECORDS.c.facts.contains(mark, autoescape=True) for mark in marks))
    if after is not None:
        query = query.where(RECORDS.c.written > chain.stamp(after))
    backwards = query.order_by(RECORDS.c.written.desc(), RECORDS.c.writer.desc(), RECORDS.c.seq.desc()).limit(most)
    with engine.connect() as connection:
        return [stored(row) for row in connection.execute(backwards)][::-1]


def watermark(engine: Engine, agent: str) -> dict[str, int]:
    """Return the last seq of each of an agent's chains."""
    query = select(RECORDS.c.writer, func.max(RECORDS.c.seq)).where(RECORDS.c.agent == agent)
    with engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(query.group_by(RECORDS.c.writer))}


def by_keys(connection: Connection, agent: str, keys: Iterable[str]) -> dict[str | None, Stored]:
    """Return what is stored under the digests of idempotency keys."""
    wanted = list(keys)
    if not wanted:
        return {}
    query = records().where(RECORDS.c.agent == agent, RECORDS.c.key.in_(wanted))
    return {row.key: stored(row) for row in connection.execute(query)}


def records() -> Select[Any]:
    """Return the query of all records, each with its payload."""
    beside = (PAYLOADS.c.writer == RECORDS.c.writer) & (PAYLOADS.c.seq == RECORDS.c.seq)
    return select(RECORDS, PAYLOADS.c.payload).select_from(RECORDS.outerjoin(PAYLOADS, beside))


def _in_time(query: Select[Any]) -> Select[Any]:
    return query.order_by(RECORDS.c.written, RECORDS.c.writer, RECORDS.c.seq)


def stored(row: Row[Any]) -> Stored:
    """Return the entry that a row of `records` holds."""
    values = {name: value for name, value in row._mapping.items() if name != "about"}
    payload = None if row.payload is None else json.loads(row.payload)
    parsed = {"facts": json.loads(row.facts), "payload": payload, "written": chain.moment(row.written)}
    return Stored(**{**values, **parsed})

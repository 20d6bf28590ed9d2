"""Verification of the chains in the database: each record, its link to the one before it, and the heads of roots."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, Row, select

from loopbook.decisions.audit import chain
from loopbook.decisions.audit.database import as_stored
from loopbook.decisions.audit.entry import CLOSED
from loopbook.decisions.audit.problem import Problem, about, record_faults
from loopbook.decisions.audit.tables import PAYLOADS, RECORDS

Heads = Mapping[str, Mapping[int, Mapping[str, str]]]
"""Of each chain what roots say: seq to the hash there (several, if they contradict each other) and since when."""


@dataclass
class Chains:
    """What was found: numbers, problems, and `bent`, the places of records with problems of their own."""

    records: int = 0
    chains: int = 0
    closed: int = 0
    forgotten: int = 0
    anchored: int = 0
    problems: list[Problem] = field(default_factory=list)
    bent: set[tuple[str, Any]] = field(default_factory=set)


@dataclass
class _Walk:
    """A walk along one chain."""

    writer: str
    heads: Mapping[int, Mapping[str, str]]
    next: int = 0
    hash: str = chain.GENESIS
    sound: bool = True  # the record before has no problem
    matched: int = -1  # seq of the last head that fits
    anew: bool = False
    closed: bool = False


def check(engine: Engine, heads: Heads, forgotten: Mapping[str, str], told: Callable[[int], None]) -> Chains:
    """Check all chains; `told` is called with the number of records done."""
    found = Chains()
    beside = (PAYLOADS.c.writer == RECORDS.c.writer) & (PAYLOADS.c.seq == RECORDS.c.seq)
    query = select(RECORDS, PAYLOADS.c.payload, PAYLOADS.c.salt).select_from(RECORDS.outerjoin(PAYLOADS, beside))
    walk: _Walk | None = None
    with as_stored(engine) as connection:
        for row in connection.execute(query.order_by(RECORDS.c.writer, RECORDS.c.seq)):
            if walk is None or row.writer != walk.writer:
                _end(walk, found)
                walk = _Walk(row.writer, heads.get(row.writer, {}))
                found.chains += 1
            _step(walk, row, forgotten, found)
            found.records += 1
            if found.records % 1_000 == 0:
                told(found.records)
    _end(walk, found)
    told(found.records)
    _lost(engine, heads, found)
    return found


def _step(walk: _Walk, row: Row[Any], forgotten: Mapping[str, str], found: Chains) -> None:
    values = row._asdict()
    faults = list(record_faults(values, forgotten))
    if not faults and row.about != about(values):
        faults.append("is filed under another decision than it is about")
    if walk.closed and not faults:
        faults.append("stands behind the closing record of its chain")
    found.problems += [Problem(fault, walk.writer, row.seq) for fault in faults]
    found.forgotten += not faults and row.payload is None and row.payload_digest is not None
    if faults:
        found.bent.add((row.writer, row.seq))
    if faults and row.seq != walk.next:  # where it stands says nothing
        walk.sound = False
        return
    if row.seq > walk.next:
        found.problems.append(Problem("gone", walk.writer, walk.next, until=row.seq - 1))
    elif walk.sound and not faults and row.previous != walk.hash:
        found.problems.append(Problem("does not follow on the record before it", walk.writer, row.seq))
    if not faults and row.seq in walk.heads and not walk.anew:
        _meet(walk, row, found)
    walk.next, walk.hash, walk.sound = row.seq + 1, row.hash, not faults
    walk.closed = row.kind == "admin" and f'"act":"{CLOSED}"' in str(row.facts)


def _meet(walk: _Walk, row: Row[Any], found: Chains) -> None:
    """Hold a record against the roots that name it."""
    others = [made for hash, made in walk.heads[row.seq].items() if hash != row.hash]
    if others:
        walk.anew = True
        what = f"computed anew, all or the last of them: the root of {others[0]} names another hash"
        found.problems.append(Problem(what, walk.writer, walk.matched + 1, until=row.seq))
    else:
        walk.matched = row.seq


def _end(walk: _Walk | None, found: Chains) -> None:
    if walk is None:
        return
    found.closed += walk.closed
    found.anchored += walk.matched + 1
    beyond = [seq for seq in walk.heads if seq >= walk.next]
    if beyond:
        made = next(iter(walk.heads[max(beyond)].values()))
        what = f"gone from the chain's end; the root of {made} names the last"
        found.problems.append(Problem(what, walk.writer, walk.next, until=max(beyond)))


def _lost(engine: Engine, heads: Heads, found: Chains) -> None:
    """Find chains that are not there any more, and payloads without a record."""
    beside = (PAYLOADS.c.writer == RECORDS.c.writer) & (PAYLOADS.c.seq == RECORDS.c.seq)
    orphans = select(PAYLOADS.c.writer, PAYLOADS.c.seq).select_from(PAYLOADS.outerjoin(RECORDS, beside))
    with as_stored(engine) as connection:
        there = set(connection.scalars(select(RECORDS.c.writer).distinct()))
        for writer, seq in connection.execute(orphans.where(RECORDS.c.writer.is_(None))):
            found.problems.append(Problem("is gone; a payload of it is there", str(writer), seq))
    for writer in sorted(heads.keys() - there):
        seq = max(heads[writer])
        made = next(iter(heads[writer][seq].values()))
        found.problems.append(Problem(f"is gone, all of {seq + 1} records; the root of {made} names it", writer))

"""Filtered queries of the log's decisions: pages by cursor (keyset pagination), counts over time, all as a stream.

Whatever is asked, one query looks at no more than `REACH` decisions: on a log of any length a page comes at once, and
says where it goes on.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Engine,
    and_,
    cast,
    func,
    literal,
    or_,
    select,
    tuple_,
    type_coerce,
)

from loopbook.decisions.audit import chain, reader
from loopbook.decisions.audit.entry import TOOK_OVER, LogError, Stored
from loopbook.decisions.audit.tables import PAYLOADS, RECORDS

REACH = 50_000
"""Decisions that one query looks through."""
_STEPS = ((timedelta(days=4), 10), (timedelta(hours=4), 13), (timedelta(0), 16))
"""From which span on how many characters of a stamp are one bar: a day, an hour, a minute."""


class Cursor(NamedTuple):
    """A place in the log, by time; as text it can stand in an address."""

    written: str
    writer: str
    seq: int

    def __str__(self) -> str:
        return f"{self.written}~{self.writer}~{self.seq}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the cursor that a text names.

        Raises
        ------
        LogError
            If it is none.
        """
        written, _, rest = text.partition("~")
        writer, _, seq = rest.partition("~")
        try:
            return cls(chain.stamp(chain.moment(written)), writer, int(seq))
        except ValueError as error:
            raise LogError(f"{text[:80]!r} is no place in the log; begin at the first page.") from error

    @classmethod
    def of(cls, stored: Stored) -> Self:
        """Return the place of a record."""
        return cls(chain.stamp(stored.written), stored.writer, stored.seq)


@dataclass(frozen=True)
class Filter:
    """Which decisions are meant; None and empty: whatever there is.

    Attributes
    ----------
    since, before
        Moments between which they were written, the second exclusive.
    action, answer, run
        What was done, the most probable class, the run (scenario/run) whose versions decided.
    low, high
        Ends, inclusive, of the probability.
    segment
        A column and its value, among the fields or the attributes; of several values joined by | one.
    text, text_fields
        What one of these fields contains, in capitals or not (of letters outside ASCII, SQLite knows no capitals).
    reviewed
        Whether somebody has said something of them that was not withdrawn.
    """

    since: datetime | None = None
    before: datetime | None = None
    action: str = ""
    answer: str = ""
    run: str = ""
    low: float | None = None
    high: float | None = None
    segment: tuple[str, str] | None = None
    text: str = ""
    text_fields: tuple[str, ...] = ()
    reviewed: bool | None = None

    @property
    def used(self) -> tuple[str, ...]:
        """Names of what is asked for."""
        given = ((part.name, getattr(self, part.name)) for part in fields(self) if part.name != "text_fields")
        return tuple(name for name, value in given if value not in (None, ""))

    @property
    def _by_time(self) -> bool:
        return set(self.used) <= {"since", "before"}


class Page(NamedTuple):
    """Decisions, the newest first.

    Attributes
    ----------
    found
        The decisions.
    following
        Where the next page begins; None: there is none.
    cut
        Whether the page ends because `REACH` decisions were looked through, not because it is full.
    """

    found: list[Stored]
    following: Cursor | None
    cut: bool


@dataclass(frozen=True)
class Counts:
    """How many decisions of each action there are over time.

    Attributes
    ----------
    bars
        By stamp of a day, an hour or a minute, the earliest first; by action.
    since
        The moment from which on was counted; None: all of them.
    """

    bars: dict[str, dict[str, int]] = field(default_factory=dict)
    since: datetime | None = None

    @property
    def total(self) -> int:
        return sum(sum(bar.values()) for bar in self.bars.values())


def page(engine: Engine, agent: str, wanted: Filter, after: Cursor | None = None, most: int = 50) -> Page:
    """Return a page of an agent's decisions, the newest first; `after`: those that lie behind that place."""
    edge = None if wanted._by_time else _edge(engine, agent, wanted, after)
    query = reader.records().where(*_where(engine, agent, wanted, after, edge))
    with engine.connect() as connection:
        found = [reader.stored(row) for row in connection.execute(query.order_by(*_NEWEST).limit(most + 1))]
    if len(found) > most:
        return Page(found[:most], Cursor.of(found[most - 1]), cut=False)
    return Page(found, edge, cut=edge is not None)


def every(engine: Engine, agent: str, wanted: Filter) -> Iterator[Stored]:
    """Yield all decisions that are meant, the newest first, page by page: no query is open for long."""
    after: Cursor | None = None
    while True:
        found = page(engine, agent, wanted, after, reader.PAGE)
        yield from found.found
        if found.following is None:
            return
        after = found.following


def counts(engine: Engine, agent: str, wanted: Filter) -> Counts:
    """Count the newest `REACH` decisions in the asked time that are meant, by time and action."""
    edge = _edge(engine, agent, wanted, None)
    since = edge and chain.moment(edge.written)
    minute, action = func.substr(RECORDS.c.written, 1, _STEPS[-1][1]), _fact(engine, "action").as_string()
    query = select(minute, action).where(*_where(engine, agent, wanted, None, edge))
    if wanted.segment is not None or wanted.text:
        query = query.select_from(_BESIDE)
    with engine.connect() as connection:
        found = Counter(connection.execute(query).tuples())  # SQLite would read each entry's JSON once more to group
    if not found:
        return Counts({}, since)
    stamps = sorted({stamp for stamp, _ in found})
    span = datetime.fromisoformat(stamps[-1]) - datetime.fromisoformat(stamps[0])
    width = next(width for least, width in _STEPS if span >= least)
    bars: dict[str, dict[str, int]] = {}
    for (stamp, what), many in sorted(found.items()):
        bar = bars.setdefault(stamp[:width], {})
        bar[what] = bar.get(what, 0) + many
    return Counts(bars, since)


def runs(engine: Engine, agent: str) -> list[str]:
    """Return the runs, as scenario/run, by whose versions an agent has decided as a service, the latest first."""
    act = _fact(engine, "act").as_string() == TOOK_OVER
    query = select(_fact(engine, "versions", "run").as_string()).where(
        RECORDS.c.agent == agent, RECORDS.c.kind == "admin", act
    )
    with engine.connect() as connection:
        return list(dict.fromkeys(connection.scalars(query.order_by(*_NEWEST))))


_NOTHING = ('"verdict":"undo"', '"verdict":"skip"', '"usage":{')
"""By which entries of feedback are known, as canonical JSON, that say nothing of a decision."""
_BESIDE = RECORDS.outerjoin(PAYLOADS, and_(PAYLOADS.c.writer == RECORDS.c.writer, PAYLOADS.c.seq == RECORDS.c.seq))
_PLACE = (RECORDS.c.written, RECORDS.c.writer, RECORDS.c.seq)
_NEWEST = tuple(column.desc() for column in _PLACE)


def _edge(engine: Engine, agent: str, wanted: Filter, after: Cursor | None) -> Cursor | None:
    """Return the place up to which one query looks back; None: there are fewer decisions than that."""
    time = Filter(since=wanted.since, before=wanted.before)
    query = select(*_PLACE).where(*_where(engine, agent, time, after, None)).order_by(*_NEWEST)
    with engine.connect() as connection:
        row = connection.execute(query.offset(REACH - 1).limit(1)).first()
    return Cursor(*row) if row else None


def _where(
    engine: Engine, agent: str, wanted: Filter, after: Cursor | None, edge: Cursor | None
) -> Iterator[ColumnElement[bool]]:
    yield RECORDS.c.agent == agent
    yield RECORDS.c.kind == "decision"
    # The first condition of a pair is what an index is used for.
    if after is not None:
        yield RECORDS.c.written <= after.written
        yield tuple_(*_PLACE) < tuple_(*map(literal, after))
    if edge is not None:
        yield RECORDS.c.written >= edge.written
        yield tuple_(*_PLACE) >= tuple_(*map(literal, edge))
    if wanted.since is not None:
        yield RECORDS.c.written >= chain.stamp(wanted.since)
    if wanted.before is not None:
        yield RECORDS.c.written < chain.stamp(wanted.before)
    for name in ("action", "answer"):
        if getattr(wanted, name):
            yield _fact(engine, name).as_string() == getattr(wanted, name)
    if wanted.run:
        yield _fact(engine, "versions", "run").as_string() == wanted.run
    if wanted.low is not None:
        yield _fact(engine, "probability").as_float() >= wanted.low
    if wanted.high is not None:
        yield _fact(engine, "probability").as_float() <= wanted.high
    if wanted.segment is not None:
        yield _in_segment(engine, *wanted.segment)
    if wanted.text:
        held = [_told(engine, "fields", name).as_string() for name in wanted.text_fields]
        yield or_(*(value.icontains(wanted.text, autoescape=True) for value in held))
    if wanted.reviewed is not None:
        said = _said(engine, agent, edge.written if edge else "")
        yield said if wanted.reviewed else ~said


def _in_segment(engine: Engine, name: str, value: str) -> ColumnElement[bool]:
    held = (_told(engine, part, name).as_string() for part in ("fields", "attributes"))
    return or_(*(("|" + one + "|").icontains(f"|{value}|", autoescape=True) for one in held))


def _said(engine: Engine, agent: str, since: str) -> ColumnElement[bool]:
    """Return the condition that something was said of a decision that was not taken back; skipping says nothing.

    `since`: a stamp before which none of the decisions was taken, and so nothing was said of them.
    """
    said, undo = RECORDS.alias(), RECORDS.alias()
    here = [(one.c.agent == agent, one.c.kind == "feedback", one.c.written >= since) for one in (said, undo)]
    empty = or_(*(said.c.facts.contains(part, autoescape=True) for part in _NOTHING))
    undone = undo.c.facts.contains(_NOTHING[0], autoescape=True)
    taken = select(_json(engine, undo.c.facts)["review", "of"].as_string()).where(*here[1], undone)
    return RECORDS.c.about.in_(select(said.c.about).where(*here[0], ~empty, said.c.id.not_in(taken)))


def _fact(engine: Engine, *names: str) -> Any:
    return _json(engine, RECORDS.c.facts)[names if len(names) > 1 else names[0]]


def _told(engine: Engine, *names: str) -> Any:
    """Return a part of a payload; PostgreSQL reads no text with a NUL in it, so there its picture stands for it."""
    if engine.dialect.name == "sqlite":
        return _json(engine, PAYLOADS.c.payload)[names]
    return cast(func.replace(PAYLOADS.c.payload, "\\u0000", "\\u2400"), JSON)[names]


def _json(engine: Engine, column: Column[str]) -> Any:
    return type_coerce(column, JSON) if engine.dialect.name == "sqlite" else cast(column, JSON)

"""Closed days of the log as files of canonical JSON lines, one record a line, so that every byte counts."""

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Engine, and_, func, select

from loopbook.decisions.audit import chain
from loopbook.decisions.audit.tables import PAYLOADS, RECORDS
from loopbook.store import content
from loopbook.store.project import Project

GRACE = timedelta(minutes=10)
"""How long after its end a day is closed: what is stamped before midnight may be committed after it."""
FIELDS = (
    *("agent", "writer", "seq", "kind", "id", "key", "written", "facts", "payload", "salt", "payload_digest"),
    *("previous", "hash"),
)


def folder(project: Project) -> Path:
    """Return where the files lie."""
    return project.state / "log"


def file(folder: Path, day: str) -> Path:
    """Return the file of a day, such as 2027-01-31."""
    return folder / f"{day}.jsonl"


def line(values: Mapping[str, Any]) -> str:
    """Return a record as it stands in a file, with its newline; `values` are `FIELDS`, facts and payload parsed."""
    return chain.canonical({name: values[name] for name in FIELDS}) + "\n"


def export(engine: Engine, folder: Path, now: datetime) -> list[Path]:
    """Write the files of all closed days that have none yet, and return them. A file that is there stays as it is."""
    made = []
    for day in closed(engine, now):
        target = file(folder, day)
        if not target.exists():
            content.write_atomically(target, lambda path, day=day: _write(engine, day, path))  # type: ignore[misc]
            made.append(target)
    return made


def closed(engine: Engine, now: datetime) -> list[str]:
    """Return the days with records that have ended, the earliest first."""
    day = func.substr(RECORDS.c.written, 1, 10)
    today = (now.astimezone(UTC) - GRACE).date().isoformat()
    with engine.connect() as connection:
        return list(connection.scalars(select(day).where(RECORDS.c.written < today).distinct().order_by(day)))


def of_day(day: str) -> ColumnElement[bool]:
    """Return the condition that a record was written on a day."""
    after = date.fromisoformat(day) + timedelta(days=1)
    return and_(RECORDS.c.written >= day, RECORDS.c.written < after.isoformat())


def exported(folder: Path) -> dict[str, int]:
    """Return the number of lines in each day's file."""
    found = {}
    for path in sorted(folder.glob("????-??-??.jsonl")):
        with path.open("rb") as lines:
            found[path.stem] = sum(1 for _ in lines)
    return found


def without_payloads(path: Path, places: Collection[tuple[str, int]]) -> int:
    """Take the payloads of some records, by writer and seq, and their salts out of a file; return how many."""
    taken = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as kept:
            for text in kept:
                try:
                    values = json.loads(text)
                    named = (values["writer"], values["seq"]) in places and values["payload"] is not None
                except (ValueError, TypeError, LookupError):  # bent: that is for verify to tell
                    named = False
                taken += named
                yield line({**values, "payload": None, "salt": None}) if named else text

    def write(target: Path) -> None:
        with target.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as out:
            out.writelines(lines())

    content.write_atomically(path, write)
    return taken


def _write(engine: Engine, day: str, path: Path) -> None:
    beside = (PAYLOADS.c.writer == RECORDS.c.writer) & (PAYLOADS.c.seq == RECORDS.c.seq)
    query = select(RECORDS, PAYLOADS.c.payload, PAYLOADS.c.salt).select_from(RECORDS.outerjoin(PAYLOADS, beside))
    query = query.where(of_day(day)).order_by(RECORDS.c.written, RECORDS.c.writer, RECORDS.c.seq)
    with engine.connect().execution_options(yield_per=2_000) as connection, path.open("w", encoding="ascii") as out:
        for row in connection.execute(query):
            payload = None if row.payload is None else json.loads(row.payload)
            out.write(line({**row._mapping, "facts": json.loads(row.facts), "payload": payload}))

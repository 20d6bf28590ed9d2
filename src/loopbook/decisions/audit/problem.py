"""What verification finds of a record, wherever it stands, and where."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select

from loopbook.decisions.audit import chain
from loopbook.decisions.audit.database import as_stored
from loopbook.decisions.audit.entry import FORGOT
from loopbook.decisions.audit.tables import RECORDS

TEXTS = ("agent", "writer", "kind", "id", "written", "facts", "previous", "hash")
"""Columns that hold a text always; key and payload_digest may be null."""


@dataclass(frozen=True)
class Problem:
    """Something that does not hold, and where.

    Attributes
    ----------
    what
        In a sentence's end, such as "was changed: its hash is another".
    writer, seq
        The record in the database or, with `file`, what the line says it is; None: not known, or the whole chain.
    until
        The last of several records, of which `seq` is the first.
    file, line
        The file of a closed day and the line in it.
    """

    what: str
    writer: str | None = None
    seq: int | None = None
    file: str | None = None
    line: int | None = None
    until: int | None = None

    def __str__(self) -> str:
        record = "" if self.writer is None else f"chain {self.writer[:32]!r}"
        record += "" if self.seq is None else f" record {self.seq}"
        record += "" if self.until in (None, self.seq) else f" to {self.until}"
        line = "" if self.line is None else f" line {self.line}"
        place = f"{self.file}{line}{f' ({record})' if record else ''}" if self.file else f"database, {record}"
        return f"{place} {self.what}"


def record_faults(values: Mapping[str, Any], forgotten: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with a record by itself.

    Parameters
    ----------
    values
        The record's columns, with `salt` and `payload`; facts and payload as canonical JSON, or what stands there.
    forgotten
        What `read_forgotten` returned.
    """
    wrong = [name for name in TEXTS if not isinstance(values[name], str)]
    wrong += [name for name in ("key", "payload_digest") if not isinstance(values[name], str | None)]
    if wrong or type(values["seq"]) is not int:
        yield f"was changed: {', '.join(wrong) or 'seq'} is of another type"
        return
    said = {name: values[name] for name in ("seq", "key", "payload_digest", *TEXTS) if name != "hash"}
    if chain.record_hash(**said) != values["hash"]:
        yield "was changed: its hash is that of another content"
        return
    yield from _payload_faults(values, forgotten)


def _payload_faults(values: Mapping[str, Any], forgotten: Mapping[str, str]) -> Iterator[str]:
    salt, payload, digest = values["salt"], values["payload"], values["payload_digest"]
    subject = about(values)
    since = max((forgotten.get(name, "") for name in {subject, values["id"]}), default="")
    if payload is None and salt is None:
        if digest is not None and not since:
            yield "lacks its payload, and no record says that it was forgotten"
    elif digest is None:
        yield "has a payload that it was not written with"
    elif not isinstance(payload, str) or not isinstance(salt, str) or chain.payload_digest(salt, payload) != digest:
        yield "has another payload or salt than it was written with"
    elif since > values["written"]:
        yield f"was to be forgotten, which was not finished. Type: python -m loopbook audit forget {values['id']}"


def about(values: Mapping[str, Any]) -> str:
    """Return the decision that a record is about, by its facts as they are stored."""
    if '"decision_id":' not in values["facts"]:  # most: reading them takes longer than all else
        return str(values["id"])
    try:
        return str(json.loads(values["facts"]).get("decision_id", values["id"]))
    except (ValueError, AttributeError, RecursionError):
        return str(values["id"])


def read_forgotten(engine: Engine) -> dict[str, str]:
    """Return what was forgotten, as records of the log say: the id that was named, and when."""
    found: dict[str, str] = {}
    query = select(RECORDS.c.facts, RECORDS.c.written).where(RECORDS.c.kind == "admin").order_by(RECORDS.c.written)
    with as_stored(engine) as connection:
        for facts, written in connection.execute(query):
            try:
                said = json.loads(facts)
                if said["act"] == FORGOT:
                    found[str(said["decision_id"])] = str(written)
            except (ValueError, TypeError, LookupError, RecursionError):  # bent, which is found where it stands
                continue
    return found

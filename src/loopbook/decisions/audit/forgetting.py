"""Forgetting: the payload of a decision and of what was said about it leaves; digests stay, so the chains hold."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, delete, or_, select, text, tuple_

from loopbook.decisions.audit import days
from loopbook.decisions.audit.database import writing
from loopbook.decisions.audit.entry import FORGOT, LogError, admin
from loopbook.decisions.audit.tables import PAYLOADS, RECORDS
from loopbook.decisions.audit.writer import Writer


@dataclass(frozen=True)
class Erasure:
    """What left: payloads in the database, and those in the files of days, by name.

    `lingering` says whether SQLite's write-ahead log still holds them, because others were reading.
    """

    payloads: int
    lines: dict[str, int]
    lingering: bool


def forget(engine: Engine, folder: Path, id: str, by: str) -> Erasure:
    """Forget a decision's payload and those of all that is said about it, or the payload of one feedback.

    What is to be done is written into the log first; where the rest is interrupted, `verify` says so, and doing it
    again finishes it.

    Parameters
    ----------
    folder
        Where the days' files lie.
    id
        Of a decision or a feedback.
    by
        Who wants it, for the log.

    Raises
    ------
    LogError
        If nothing in the log has this id.
    """
    with engine.connect() as connection:
        query = select(RECORDS).where(or_(RECORDS.c.id == id, RECORDS.c.about == id), RECORDS.c.kind != "admin")
        records = list(connection.execute(query))
    if not records:
        raise LogError(f"Nothing in the log has the id {id!r}; audit show knows the same ids.")
    agents = sorted({record.agent for record in records})
    places = [(record.writer, record.seq) for record in records]
    for agent in agents:
        with Writer(engine, agent) as writer:
            writer.append([admin(FORGOT, decision_id=id, by=by)]).result()
    with writing(engine) as connection:
        gone = connection.execute(delete(PAYLOADS).where(tuple_(PAYLOADS.c.writer, PAYLOADS.c.seq).in_(places)))
    lingering = _erase(engine)
    files = {days.file(folder, record.written[:10]) for record in records}
    taken = {path.name: days.without_payloads(path, set(places)) for path in sorted(files) if path.is_file()}
    return Erasure(gone.rowcount, {name: count for name, count in taken.items() if count}, lingering)


def _erase(engine: Engine) -> bool:
    """Let what was deleted leave the database's files too; return whether it could not leave all of them."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name == "sqlite":  # overwrites what is deleted (secure_delete), but not in its WAL
            return bool(connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).scalar_one())
        connection.execute(text(f"VACUUM {PAYLOADS.name}"))
        return False

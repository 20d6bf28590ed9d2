from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, event, select
from tests.decisions.audit import writing

from loopbook.decisions.audit import forgetting, reader, roots
from loopbook.decisions.audit.entry import Entry, LogError, admin, new_id
from loopbook.decisions.audit.tables import PAYLOADS, RECORDS
from loopbook.decisions.audit.verify import verify
from loopbook.decisions.audit.writer import Writer

SECRET = "the words that nobody shall find again"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "days"


@pytest.fixture
def id(engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a decision whose payload and feedback say something that has to go, on a day that is exported."""
    writing.write(engine, monkeypatch, each=10, number=1)
    with Writer(engine, "tiny", wait=0) as writer:
        decision = writer.append([writing.decision(SECRET)]).result()[0]
        comment = Entry("feedback", new_id(), {"decision_id": decision.id}, {"comment": SECRET})
        writer.append([comment, Entry("feedback", new_id(), {"decision_id": decision.id})]).result()
    writing.write(engine, monkeypatch, each=10, number=2)
    writing.export(engine, folder)
    return decision.id


def stored(engine: Engine, folder: Path) -> bytes:
    """Return all bytes in which the log lies."""
    files = [path.read_bytes() for path in folder.iterdir()]
    if engine.dialect.name == "sqlite":
        database = Path(str(engine.url.database))
        return b"".join([*files, *(path.read_bytes() for path in database.parent.glob(f"{database.name}*"))])
    with engine.connect() as connection:
        tables = [list(connection.execute(select(table))) for table in (RECORDS, PAYLOADS)]
    return b"".join([*files, repr(tables).encode()])


def test_what_is_forgotten_is_nowhere_and_the_log_holds(engine: Engine, folder: Path, id: str) -> None:
    root = roots.make(engine, folder, 0)
    (payload,) = {record.payload_digest for record in reader.about(engine, id) if record.kind == "decision"}
    with engine.connect() as connection:
        salts = select(PAYLOADS.c.salt).where(PAYLOADS.c.payload.contains(SECRET))
        traces = [SECRET.encode(), *(salt.encode() for salt in connection.scalars(salts))]
    assert len(traces) == 3
    assert all(trace in stored(engine, folder) for trace in traces)
    done = forgetting.forget(engine, folder, id, "ann")
    assert (done.payloads, done.lines) == (2, {"2027-03-01.jsonl": 2})
    assert [trace for trace in traces if trace in stored(engine, folder)] == []
    found = verify(engine, folder, [root])
    assert found.problems == ()
    assert found.forgotten == 2
    decision, comment, rating, act = reader.about(engine, id)
    assert decision.forgotten
    assert comment.forgotten
    assert not rating.forgotten
    assert decision.payload_digest == payload
    assert (act.facts["act"], act.facts["by"]) == ("forgot", "ann")
    again = forgetting.forget(engine, folder, id, "ann")
    assert (again.payloads, again.lines) == (0, {})
    assert verify(engine, folder, [root]).holds


def test_what_a_reader_keeps_in_the_write_ahead_log_is_told(engine: Engine, folder: Path, id: str) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL vacuums beside readers")
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=50").close())
    engine.dispose()
    with engine.connect() as connection:
        assert connection.scalar(select(PAYLOADS.c.salt).limit(1))
        assert forgetting.forget(engine, folder, id, "ann").lingering
    assert SECRET.encode() in stored(engine, folder)
    assert not forgetting.forget(engine, folder, id, "ann").lingering
    assert SECRET.encode() not in stored(engine, folder)


def test_a_feedback_is_forgotten_by_itself(engine: Engine, folder: Path, id: str) -> None:
    comment = next(record for record in reader.about(engine, id) if record.payload and record.kind == "feedback")
    assert forgetting.forget(engine, folder, comment.id, "ann").payloads == 1
    assert verify(engine, folder, []).forgotten == 1
    assert reader.about(engine, id)[0].payload


def test_what_is_half_forgotten_is_found(engine: Engine, folder: Path, id: str) -> None:
    with Writer(engine, "tiny") as writer:
        writer.append([admin("forgot", decision_id=id, by="ann")]).result()
    found = [str(problem) for problem in verify(engine, folder, []).problems]
    assert len(found) == 4, "two in the database, two in the file"
    assert all("was not finished. Type: python -m loopbook audit forget" in problem for problem in found)
    forgetting.forget(engine, folder, id, "ann")
    assert verify(engine, folder, []).holds


def test_what_is_said_after_forgetting_is_kept(engine: Engine, folder: Path, id: str) -> None:
    forgetting.forget(engine, folder, id, "ann")
    with Writer(engine, "tiny") as writer:
        writer.append([Entry("feedback", "later", {"decision_id": id}, {"comment": "again"})]).result()
    assert verify(engine, folder, []).holds
    assert reader.find(engine, "tiny", "later").payload == {"comment": "again"}  # type: ignore[union-attr]


def test_an_unknown_id_is_refused(engine: Engine, folder: Path, id: str) -> None:
    with pytest.raises(LogError, match="Nothing in the log has the id"):
        forgetting.forget(engine, folder, id[:-1], "ann")
    assert [record.kind for record in reader.about(engine, id[:-1])] == []


def test_what_is_forgotten_while_the_log_is_verified_is_no_problem(engine: Engine, folder: Path, id: str) -> None:
    ids = [id]

    def forget(done: int, whole: int) -> None:
        if ids:
            forgetting.forget(engine, folder, ids.pop(), "ann")

    found = verify(engine, folder, [], forget)
    assert ids == []
    assert (found.problems, found.forgotten) == ((), 2)

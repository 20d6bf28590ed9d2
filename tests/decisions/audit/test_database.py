from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, make_url, text
from sqlalchemy.exc import DBAPIError
from tests.decisions.audit import writing as logs
from tests.postgres import USER, Server

from loopbook.decisions.audit import reader
from loopbook.decisions.audit.database import connect, writing
from loopbook.decisions.audit.entry import LogError, Stored
from loopbook.decisions.audit.tables import RECORDS
from loopbook.decisions.audit.verify import verify
from loopbook.decisions.audit.writer import Writer
from loopbook.store.project import Project


def test_without_an_address_it_is_a_file_that_only_its_owner_reads(
    place: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOOPBOOK_DATABASE", raising=False)
    engine = connect(place)
    with Writer(engine, "tiny") as writer:
        writer.append([logs.decision()]).result()
        files = [path for path in place.state.iterdir() if path.name.startswith("service.sqlite")]
        assert {path.name for path in files} >= {"service.sqlite", "service.sqlite-wal"}
        assert {path.stat().st_mode & 0o077 for path in files} == {0}
    with engine.connect() as connection:
        pragmas = ("journal_mode", "synchronous", "secure_delete")
        assert [connection.scalar(text(f"PRAGMA {name}")) for name in pragmas] == ["wal", 2, 1]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("no address", "is no address of a database"),
        ("mysql://host/name", "SQLite or PostgreSQL"),
        ("sqlite://", "in memory"),
        ("postgresql://ann:secret-word@127.0.0.1:1/log", "is LOOPBOOK_DATABASE right"),
    ],
)
def test_an_address_that_cannot_be_is_refused_without_its_password(place: Project, address: str, said: str) -> None:
    with pytest.raises(LogError, match=f"(?i){said}") as refused:
        connect(place, address)
    assert "secret-word" not in str(refused.value)


def test_tables_are_made_once_by_whoever_comes_first(place: Project, address: str) -> None:
    failed: list[BaseException] = []

    def come() -> None:
        try:
            engine = connect(place, address)
            engine.dispose()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=come) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_what_fails_in_the_middle_is_not_written(engine: Engine) -> None:
    row = dict.fromkeys(("agent", "kind", "id", "about", "written", "facts", "previous", "hash"), "x")
    with pytest.raises(DBAPIError), writing(engine) as connection:
        connection.execute(insert(RECORDS), [{**row, "writer": "w", "seq": seq} for seq in (0, 1, 1)])
    assert reader.watermark(engine, "x") == {}


def test_who_may_only_read_can_verify(
    place: Project, postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = postgres.database()
    engine = connect(place, address)
    logs.write(engine, monkeypatch, each=10, number=1)
    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE auditor LOGIN"))
        connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO auditor"))
    engine.dispose()
    auditor = connect(place, address.replace(f"//{USER}@", "//auditor@"))
    found = verify(auditor, tmp_path, [])
    assert (found.problems, found.records) == ((), 14)
    with pytest.raises(DBAPIError, match="permission denied"), writing(auditor) as connection:
        connection.execute(RECORDS.delete())
    auditor.dispose()


def test_a_server_that_is_killed_loses_nothing_that_was_acknowledged(
    place: Project, postgres: Server, tmp_path: Path
) -> None:
    engine = connect(place, postgres.database())
    acknowledged: list[Stored] = []
    failed: list[LogError] = []
    ended = threading.Event()

    def wait(more: int = 20) -> None:
        enough = len(acknowledged) + more
        while len(acknowledged) < enough:
            ended.wait(0.01)

    def call() -> None:
        while not ended.is_set():
            try:
                acknowledged.extend(writer.append([logs.decision()]).result())
            except LogError as error:
                failed.append(error)

    with Writer(engine, "tiny") as writer:
        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(2):
                wait()
                postgres.kill()
                postgres.start()
            wait()
        finally:
            ended.set()
            for thread in threads:
                thread.join()
    stored = {record.id: record for record in reader.entries(engine, "tiny")}
    assert [record for record in acknowledged if stored.get(record.id) != record] == []
    assert verify(engine, tmp_path, []).problems == ()
    assert len(reader.watermark(engine, "tiny")) == 1
    assert all("may be sent again" in str(error) for error in failed)
    assert make_url(str(engine.url)).get_backend_name() == "postgresql"
    engine.dispose()

"""Migrations: old databases lose nothing, many processes may come at once, a newer database is left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, create_engine, inspect, text
from tests.decisions.audit import writing as logs

from loopbook.decisions.audit import migrating, tables
from loopbook.decisions.audit.database import connect, writing
from loopbook.decisions.audit.entry import LogError
from loopbook.decisions.audit.verify import verify
from loopbook.decisions.audit.writer import Writer
from loopbook.service import keys, limits
from loopbook.service.pages import leases, sessions
from loopbook.store.project import Project

TABLES = (tables, keys, limits, sessions, leases)


def test_revisions_are_those_of_the_folder_one_after_the_other() -> None:
    found = [script.revision for script in ScriptDirectory(str(migrating.FOLDER)).walk_revisions()]
    assert tuple(reversed(found)) == migrating.REVISIONS


def test_migrations_make_the_tables_that_the_code_uses(engine: Engine, tmp_path: Path) -> None:
    other = create_engine(f"sqlite:///{tmp_path / 'plain.sqlite'}")
    for module in TABLES:
        module.METADATA.create_all(other)
    made, meant = MetaData(), MetaData()
    made.reflect(engine)
    meant.reflect(other)
    assert {*made.tables} == {*meant.tables, "alembic_version"}
    for name, table in meant.tables.items():
        shape = [(column.name, column.nullable, column.primary_key) for column in table.columns]
        assert [(column.name, column.nullable, column.primary_key) for column in made.tables[name].columns] == shape
        assert {index.name for index in made.tables[name].indexes} == {index.name for index in table.indexes}
    unique = inspect(engine).get_unique_constraints("log_records")
    assert [each["column_names"] for each in unique] == [["agent", "key"]]
    other.dispose()


def test_a_database_from_before_migrations_keeps_all_that_it_holds(
    place: Project, address: str, tmp_path: Path
) -> None:
    engine = connect(place, address)
    with Writer(engine, "tiny") as writer:
        writer.append([logs.decision() for _ in range(30)]).result()
    key = keys.create(engine, "tiny", "ann", "reviewer", "test")
    with writing(engine) as connection:  # what the version before had: these tables, and no others
        for name in ("alembic_version", "people_sessions", "review_leases"):
            connection.execute(text(f"DROP TABLE {name}"))
    engine.dispose()
    again = connect(place, address)
    assert verify(again, tmp_path, []).problems == () and verify(again, tmp_path, []).records == 35
    assert [known.id for known in keys.listed(again, "tiny")] == [key.split("_")[1]]
    assert sessions.find(again, "tiny", sessions.begin(again, "tiny", "k", 60)) is not None
    again.dispose()


def test_a_newer_database_is_refused_and_left_as_it_is(place: Project, address: str) -> None:
    engine = connect(place, address)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(LogError, match=r"revision 9999.*Update this one"):
        connect(place, address)


def test_many_processes_may_come_at_once(place: Project, address: str) -> None:
    code = (
        "import sys; from pathlib import Path; from loopbook.decisions.audit.database import connect;"
        "from loopbook.store.project import Project;"
        "connect(Project(Path(sys.argv[1]), Path(sys.argv[1])), sys.argv[2]).dispose()"
    )
    command = [sys.executable, "-c", code, str(place.root), address]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate()[1] for process in started] == [""] * 4
    engine = connect(place, address)
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT version_num FROM alembic_version")).all() == [migrating.REVISIONS[-1]]
    engine.dispose()


def test_a_migration_that_fails_in_the_middle_leaves_nothing(place: Project, address: str) -> None:
    engine = connect(place, address)
    with writing(engine) as connection:
        for name in ("alembic_version", "service_keys", "review_leases"):  # sessions stay, and stand in the way
            connection.execute(text(f"DROP TABLE {name}"))
    engine.dispose()
    with pytest.raises(LogError, match="people_sessions"):
        connect(place, address)
    bare = create_engine(address.replace("postgresql://", "postgresql+psycopg://"))
    assert not {"alembic_version", "service_keys"} & set(inspect(bare).get_table_names())
    bare.dispose()

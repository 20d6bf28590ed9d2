"""Connection to the log's database: SQLite inside the project, or PostgreSQL by address; the same tables in both."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from loopbook.decisions.audit import migrating
from loopbook.decisions.audit.entry import ADDRESS, FILE, LogError
from loopbook.store.project import Project

_BUSY = 30_000
"""Milliseconds for which a writer waits for another on SQLite."""


def connect(project: Project, address: str | None = None) -> Engine:
    """Return an engine on the log's database; its tables are made, or brought up to date, if they are not.

    Parameters
    ----------
    project
        In whose ``data/state`` the file lies, if no address is given.
    address
        SQLAlchemy's, such as ``postgresql://user@host/name``; None: what ``LOOPBOOK_DATABASE`` says, else the file.

    Raises
    ------
    LogError
        If the address is none, nothing answers there, or a newer version has made the database.
    """
    given = address or os.environ.get(ADDRESS) or f"sqlite:///{project.state / FILE}"
    try:
        url = make_url(given)
    except ArgumentError as error:
        raise LogError(f"{ADDRESS} is no address of a database, such as postgresql://user@host/name.") from error
    if url.get_backend_name() == "sqlite":
        engine = _sqlite(url)
    elif url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
        engine = create_engine(url, hide_parameters=True, pool_pre_ping=True, pool_size=4, max_overflow=8)
    else:
        raise LogError(f"{ADDRESS} names {url.get_backend_name()}; the log lives in SQLite or PostgreSQL.")
    try:
        if not migrating.up_to_date(engine):
            with writing(engine) as connection:
                migrating.upgrade(connection)
    except (SQLAlchemyError, NoSuchModuleError) as error:
        raise LogError(
            f"{url.render_as_string()}: {_first_line(error)}. Is {ADDRESS} right, and the server up?"
        ) from error
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction that writes, and commit it at the end.

    On SQLite it takes the one write lock at its beginning, so that what it reads is what it writes upon. SQLite itself
    lets those who wait try again at times of their own, by which one can starve for seconds; a lock on a file beside
    the database lets them in one after the other.
    """
    with _turn(engine.url), engine.execution_options(loopbook_writing=True).begin() as connection:
        yield connection


@contextmanager
def as_stored(engine: Engine) -> Iterator[Connection]:
    """Connect for reading what is stored byte by byte: what is no UTF-8 comes as surrogates, not as an error."""
    with engine.connect().execution_options(yield_per=2_000) as connection:
        raw = connection.connection.dbapi_connection
        if not isinstance(raw, sqlite3.Connection):  # PostgreSQL stores no text that is none
            yield connection
            return
        raw.text_factory = lambda stored: stored.decode("utf-8", "surrogateescape")
        try:
            yield connection
        finally:
            raw.text_factory = str


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise LogError(f"{ADDRESS} needs a file: a database in memory would be lost with the process.")
    path = os.path.abspath(url.database)  # noqa: PTH100
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)  # noqa: PTH103, PTH120
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # the files that SQLite puts beside it take over its mode
    url, waiting = url.set(database=path), {"timeout": _BUSY / 1000, "isolation_level": None}
    engine = create_engine(url, hide_parameters=True, connect_args=waiting)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", f"busy_timeout={_BUSY}"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("loopbook_writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


@contextmanager
def _turn(url: URL) -> Iterator[None]:
    if url.get_backend_name() != "sqlite":
        yield
        return
    handle = os.open(f"{url.database}-turn", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _first_line(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().partition("\n")[0].rstrip(".")

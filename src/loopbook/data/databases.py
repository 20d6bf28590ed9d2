"""Rows from a database, by its SQLAlchemy address; only ever read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from loopbook.scenario.errors import DataError, refuse, suggest
from loopbook.scenario.source import SqlSource

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Select, Table

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_SECRET = re.compile(r"://.*@")
_READS = re.compile(r"\s*(?:select|with|values|table)\b", re.IGNORECASE)


def shown(source: SqlSource) -> str:
    """Return the address for messages and cards, without user name and password."""
    return _SECRET.sub("://", source.address)


def address(source: SqlSource, root: Path) -> URL:
    """Return the parsed address, with environment variables in place and an SQLite file relative to the project.

    Raises
    ------
    DataError
        If a variable is not set, the address cannot be parsed, its driver is missing, or an SQLite file is not there.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    for name in _VARIABLE.findall(source.address):
        if name not in os.environ:
            raise DataError(f"source.address needs the environment variable {name}, which is not set.")
    written = _VARIABLE.sub(lambda match: os.environ[match[1]], source.address)
    try:
        url = make_url(written)
        url.get_dialect()
    except NoSuchModuleError as error:  # a kind of ArgumentError, so it comes first
        likely = suggest(written.partition(":")[0].partition("+")[0], ["sqlite", "postgresql", "mysql", "mssql"])
        raise DataError(f"source.address {shown(source)!r}: there is no such kind of database.{likely}") from error
    except ArgumentError as error:
        raise DataError(
            f"source.address {shown(source)!r} is no SQLAlchemy address, such as sqlite:///data/raw/posts.db."
        ) from error
    except ImportError as error:
        raise DataError(f"source.address {shown(source)!r} needs a driver that is not installed: {error}.") from error
    if url.get_backend_name() != "sqlite":
        return url
    file = root / (url.database or "")
    if not file.is_file():
        raise DataError(f"source.address: the SQLite file {url.database} is not there.{_near(file)}")
    # SQLite itself refuses to write to a file that is opened so.
    return url.set(database=f"file:{quote(str(file))}", query={**url.query, "mode": "ro", "uri": "true"})


def read(source: SqlSource, root: Path, after: tuple[str, Any] | None = None) -> tuple[list[str], list[list[Any]]]:
    """Return column names and rows of a table or of a SELECT.

    A table is read in the order of its id column, if the scenario names one; a query in its own order.

    Parameters
    ----------
    after
        A column and a value: only rows with this value or a greater one are read, in its order; value None: all.

    Raises
    ------
    DataError
        If table or query cannot be read; the message names the likely table and shows no password.
    """
    import sqlalchemy as sa

    with _connected(source, root) as connection:
        statement = _select(connection, source) if source.table else sa.text(source.query or "")
        result = connection.execute(statement if after is None else _after(connection, source, *after))
        fetched = result.fetchall() if source.rows is None else result.fetchmany(source.rows)
        columns = list(result.keys())
        twice = sorted({column for column in columns if columns.count(column) > 1})
        if twice:
            raise DataError(f"source.query gives the column {twice[0]!r} more than once; name one otherwise with AS.")
        return columns, [list(row) for row in fetched]


def columns(source: SqlSource, root: Path) -> list[str] | None:
    """Return the columns of an SQLite table without reading it; None where looking would need a network."""
    if address(source, root).get_backend_name() != "sqlite" or not source.table:
        return None
    with _connected(source, root) as connection:
        return list(_table(connection, source).columns.keys())


def check(source: SqlSource, root: Path) -> None:
    """Check what can be checked without a connection.

    Raises
    ------
    DataError
        If the address cannot be used, or if there is not exactly one of table and SELECT.
    """
    query = source.query or ""
    refuse(
        DataError,
        (bool(source.table) == bool(query), "source: say either 'table' or 'query', not both and not neither."),
        (query and not _READS.match(query), f"source.query must be a SELECT; it begins with {query.split()[:1]}."),
    )
    address(source, root)


def _table(connection: Connection, source: SqlSource) -> Table:
    """Return the table as the database describes it."""
    import sqlalchemy as sa

    schema, _, name = (source.table or "").rpartition(".")
    inspector = sa.inspect(connection)
    known = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
    if name not in known:
        raise DataError(f"source.table {source.table!r} is not in the database.{suggest(name, known)}")
    return sa.Table(name, sa.MetaData(), schema=schema or None, autoload_with=connection)


def _select(connection: Connection, source: SqlSource) -> Select[Any]:
    table = _table(connection, source)
    statement = table.select().limit(source.rows)
    return statement.order_by(table.columns[source.id]) if source.id and source.id in table.columns else statement


def _after(connection: Connection, source: SqlSource, column: str, value: Any) -> Select[Any]:
    """Return the rows of a table or query from a value of a column on, in its order."""
    import sqlalchemy as sa

    by: sa.ColumnElement[Any]
    if source.table:
        table = _table(connection, source)
        known = list(table.columns.keys())
        refuse(DataError, (column not in known, f"watch.column {column!r} is not in it.{suggest(column, known)}"))
        every, by = table.select(), table.columns[column]
    else:
        inner = sa.text((source.query or "").strip().rstrip(";")).columns(sa.column(column)).subquery("arrived")
        every, by = sa.select(sa.text("arrived.*")).select_from(inner), inner.columns[column]
    return (every if value is None else every.where(by >= value)).order_by(by)


@contextmanager
def _connected(source: SqlSource, root: Path) -> Iterator[Connection]:
    import sqlalchemy as sa
    from sqlalchemy.exc import SQLAlchemyError

    check(source, root)
    url = address(source, root)
    try:
        with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
            yield connection
    except (SQLAlchemyError, ImportError) as error:
        reason = str(getattr(error, "orig", None) or error).split("\n")[0]
        if url.password:
            reason = reason.replace(str(url.password), "***")
        raise DataError(f"source.address ({shown(source)}): {reason}. Check address, table and query.") from error


def _near(file: Path) -> str:
    folder = file.parent
    if not folder.is_dir():
        return f" The folder {folder.name} is not there either."
    return suggest(file.name, [path.name for path in folder.iterdir() if path.is_file()])

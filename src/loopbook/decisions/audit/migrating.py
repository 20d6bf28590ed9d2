"""Migrations of the log's database: what an earlier version made is brought up to this one, and nothing is lost."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from loopbook.decisions.audit.entry import LogError

REVISIONS = ("0001", "0002", "0003", "0004")
"""All that this version knows, in their order: ``migrations/versions`` has a file for each."""

FOLDER = Path(__file__).resolve().parent / "migrations"


def current(connection: Connection) -> str | None:
    """Return the revision of a database; None: it is from before migrations, or empty.

    Raises
    ------
    LogError
        If a newer version made it: this one does not know what its tables mean.
    """
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if revision is not None and revision not in REVISIONS:
        raise LogError(
            f"The log's database is at revision {str(revision)[:40]}, and this version of Loopbook knows "
            f"{REVISIONS[-1]} at most: a newer one has changed it. Update this one; nothing was changed."
        )
    return revision


def up_to_date(engine: Engine) -> bool:
    """Say whether a database has all tables as they are now; it is only read, so that who may only read can ask."""
    with engine.connect() as connection:
        return current(connection) == REVISIONS[-1]


def upgrade(connection: Connection) -> None:
    """Bring a database up to date within a transaction, all or nothing; others wait for it and find it done."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(5660271)"))
    if current(connection) == REVISIONS[-1]:
        return
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    command.upgrade(config, REVISIONS[-1])

"""Tables of the one log: records, chained by hash, and beside them what came from a person and may be forgotten."""

from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

METADATA = MetaData()

RECORDS = Table(
    "log_records",
    METADATA,
    Column("agent", Text, nullable=False),
    Column("writer", String(32), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("about", Text, nullable=False),  # the decision that the record is about: follows from id and facts
    Column("key", String(64)),  # digest of caller and idempotency key
    Column("written", String(27), nullable=False),  # UTC to the microsecond; sorts as time does
    Column("facts", Text, nullable=False),  # canonical JSON
    Column("payload_digest", String(64)),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("agent", "key"),
    Index("log_records_about", "about"),
    Index("log_records_id", "id"),
    Index("log_records_written", "written"),
    Index("log_records_listed", "agent", "kind", "written", "writer", "seq"),
)
"""Never updated, never deleted from: each record holds the hash of the one before it in its writer's chain."""

PAYLOADS = Table(
    "log_payloads",
    METADATA,
    Column("writer", String(32), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("salt", String(32), nullable=False),
    Column("payload", Text, nullable=False),  # canonical JSON
)
"""What came from a person; the salt lies beside it and goes with it, so that the digest that stays tells nothing."""

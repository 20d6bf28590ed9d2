"""The log, keys, allowances. Databases from before migrations have these tables already, and keep what is in them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TEXT, _DIGEST = sa.Text, sa.String(64)


def upgrade() -> None:
    """Make what is not there."""
    there = set(sa.inspect(op.get_bind()).get_table_names())
    if "log_records" not in there:
        op.create_table(
            "log_records",
            sa.Column("agent", _TEXT, nullable=False),
            sa.Column("writer", sa.String(32), primary_key=True),
            sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("kind", _TEXT, nullable=False),
            sa.Column("id", _TEXT, nullable=False),
            sa.Column("about", _TEXT, nullable=False),
            sa.Column("key", _DIGEST),
            sa.Column("written", sa.String(27), nullable=False),
            sa.Column("facts", _TEXT, nullable=False),
            sa.Column("payload_digest", _DIGEST),
            sa.Column("previous", _DIGEST, nullable=False),
            sa.Column("hash", _DIGEST, nullable=False),
            sa.UniqueConstraint("agent", "key"),
        )
        for column in ("about", "id", "written"):
            op.create_index(f"log_records_{column}", "log_records", [column])
    if "log_payloads" not in there:
        op.create_table(
            "log_payloads",
            sa.Column("writer", sa.String(32), primary_key=True),
            sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("salt", sa.String(32), nullable=False),
            sa.Column("payload", _TEXT, nullable=False),
        )
    if "service_keys" not in there:
        op.create_table(
            "service_keys",
            sa.Column("id", sa.String(12), primary_key=True),
            sa.Column("agent", _TEXT, nullable=False),
            sa.Column("name", _TEXT, nullable=False),
            sa.Column("role", _TEXT, nullable=False),
            sa.Column("digest", _DIGEST, nullable=False),
            sa.Column("created", _TEXT, nullable=False),
            sa.Column("created_by", _TEXT, nullable=False),
            sa.Column("revoked", _TEXT),
        )
    if "service_allowances" not in there:
        op.create_table(
            "service_allowances",
            sa.Column("agent", _TEXT, primary_key=True),
            sa.Column("caller", _TEXT, primary_key=True),
            sa.Column("remaining", sa.Float, nullable=False),
            sa.Column("at", sa.Float, nullable=False),
        )

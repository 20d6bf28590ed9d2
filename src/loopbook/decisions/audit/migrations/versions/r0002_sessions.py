"""Sessions of people who sign in to the pages."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "people_sessions",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("key_id", sa.String(12), nullable=False),
        sa.Column("csrf", sa.String(43), nullable=False),
        sa.Column("ends", sa.Float, nullable=False),
    )

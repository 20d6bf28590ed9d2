"""An index of the log by agent, kind and time: by it decisions are listed, filtered and counted."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the index."""
    columns = ["agent", "kind", "written", "writer", "seq"]
    op.create_index("log_records_listed", "log_records", columns, if_not_exists=True)

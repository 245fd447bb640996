"""Long-running operations."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    """CREATE TABLE operation (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        collection TEXT NOT NULL,
        runs_on TEXT NOT NULL,
        state TEXT NOT NULL,
        cancel_requested INTEGER NOT NULL DEFAULT 0,
        reason TEXT,
        message TEXT,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        runner TEXT NOT NULL DEFAULT '',
        epoch INTEGER NOT NULL DEFAULT 0,
        beats INTEGER NOT NULL DEFAULT 0,
        parameters TEXT NOT NULL,
        progress TEXT NOT NULL DEFAULT '',
        result TEXT NOT NULL DEFAULT ''
    )""",
    "CREATE INDEX operation_unfinished ON operation (id) WHERE state IN ('waiting', 'running')",
)


def upgrade() -> None:
    """Make the table."""
    for statement in STATEMENTS:
        op.execute(statement)

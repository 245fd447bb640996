"""Long-running operations."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    # Room for the beats of a runner, which then touch no index.
    """CREATE TABLE operation (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        kind text NOT NULL,
        collection text NOT NULL,
        runs_on text NOT NULL,
        state text NOT NULL,
        cancel_requested boolean NOT NULL DEFAULT false,
        reason text,
        message text,
        created bigint NOT NULL,
        updated bigint NOT NULL,
        runner text NOT NULL DEFAULT '',
        epoch bigint NOT NULL DEFAULT 0,
        beats bigint NOT NULL DEFAULT 0,
        parameters text NOT NULL,
        progress text NOT NULL DEFAULT '',
        result text NOT NULL DEFAULT ''
    ) WITH (fillfactor = 50)""",
    "CREATE INDEX operation_unfinished ON operation (id) WHERE state IN ('waiting', 'running')",
)


def upgrade() -> None:
    """Make the table."""
    for statement in STATEMENTS:
        op.execute(statement)

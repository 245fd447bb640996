"""Recorded questions."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    """CREATE TABLE question (
        collection bigint NOT NULL REFERENCES collection (key) ON DELETE CASCADE,
        hash bytea NOT NULL,
        text text NOT NULL,
        asked bigint NOT NULL,
        times bigint NOT NULL,
        PRIMARY KEY (collection, hash)
    )""",
    "CREATE INDEX question_latest ON question (collection, asked DESC, hash)",
)


def upgrade() -> None:
    """Make the table."""
    for statement in STATEMENTS:
        op.execute(statement)

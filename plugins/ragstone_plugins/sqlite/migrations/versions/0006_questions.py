"""Recorded questions."""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    """CREATE TABLE question (
        collection INTEGER NOT NULL REFERENCES collection (key) ON DELETE CASCADE,
        hash BLOB NOT NULL,
        text TEXT NOT NULL,
        asked INTEGER NOT NULL,
        times INTEGER NOT NULL,
        PRIMARY KEY (collection, hash)
    )""",
    "CREATE INDEX question_latest ON question (collection, asked DESC, hash)",
)


def upgrade() -> None:
    """Make the table."""
    for statement in STATEMENTS:
        op.execute(statement)

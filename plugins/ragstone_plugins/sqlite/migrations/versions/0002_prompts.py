"""Prompt templates with the history of their activations."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """CREATE TABLE prompt (
        collection INTEGER NOT NULL REFERENCES collection (key) ON DELETE CASCADE,
        version INTEGER NOT NULL,
        system TEXT NOT NULL,
        user TEXT NOT NULL,
        description TEXT NOT NULL,
        author TEXT NOT NULL,
        created INTEGER NOT NULL,
        UNIQUE (collection, version)
    )""",
    # `version` 0 is the built-in template, which has no row. `below` is the row that a rollback returns to: 0 before the
    # first row, NULL where there is nothing to return to.
    """CREATE TABLE prompt_activation (
        collection INTEGER NOT NULL REFERENCES collection (key) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        version INTEGER NOT NULL,
        below INTEGER,
        kind TEXT NOT NULL,
        author TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (collection, number)
    ) WITHOUT ROWID""",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)

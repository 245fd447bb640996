"""How far the sources of documents were applied, dead letters, and when each follower was last seen."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    "ALTER TABLE follower ADD COLUMN seen INTEGER NOT NULL DEFAULT 0",
    # `trying` is the offset of the event that was tried last since the source moved, `tries` how often it was.
    """CREATE TABLE source (
        name TEXT PRIMARY KEY,
        epoch INTEGER NOT NULL,
        next INTEGER,
        clean INTEGER NOT NULL,
        trying INTEGER,
        tries INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID""",
    # What may be large stands last: a list of letters does not read past it.
    """CREATE TABLE dead_letter (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        source TEXT NOT NULL,
        at INTEGER NOT NULL,
        bound TEXT NOT NULL,
        event_time INTEGER NOT NULL,
        reason TEXT NOT NULL,
        message TEXT NOT NULL,
        failed INTEGER NOT NULL,
        published INTEGER NOT NULL DEFAULT 0,
        key BLOB,
        headers TEXT NOT NULL,
        value BLOB,
        UNIQUE (source, at)
    )""",
    "CREATE INDEX dead_letter_unpublished ON dead_letter (id) WHERE NOT published",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)

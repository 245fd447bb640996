"""Generations of a collection's index, and outlines of texts, by which they can be cut again."""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    # In the collection's row, so that who has it locked has them.
    "ALTER TABLE collection ADD COLUMN generations TEXT NOT NULL DEFAULT '[]'",
    # Of documents from before the first generation has a number, too.
    "ALTER TABLE collection ADD COLUMN live_generation INTEGER NOT NULL DEFAULT 1",
    # How many there have ever been: a number that was once given names no other.
    "ALTER TABLE collection ADD COLUMN last_generation INTEGER NOT NULL DEFAULT 0",
    """UPDATE collection SET last_generation = 1, generations = json_array(json_object('number', 1, 'embedder', embedder,
        'chunker', chunker, 'recipe', NULL, 'state', 'live', 'created', created, 'activated', created))
        WHERE embedder IS NOT NULL""",
    "ALTER TABLE collection DROP COLUMN embedder",
    "ALTER TABLE collection DROP COLUMN chunker",
    "ALTER TABLE content ADD COLUMN outline TEXT NOT NULL DEFAULT ''",
    # Of each generation by itself.
    "ALTER TABLE content DROP COLUMN passages",
    # SQLite changes no constraint of a table that is there.
    "DROP TRIGGER passage_gone",
    "ALTER TABLE passage RENAME TO former_passage",
    """CREATE TABLE passage (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        content INTEGER NOT NULL REFERENCES content (key) ON DELETE CASCADE,
        generation INTEGER NOT NULL,
        tenant INTEGER NOT NULL,
        ordinal INTEGER NOT NULL,
        id TEXT NOT NULL,
        start INTEGER NOT NULL,
        stop INTEGER NOT NULL,
        page INTEGER,
        headings TEXT NOT NULL,
        text_hash BLOB NOT NULL,
        tokens INTEGER NOT NULL,
        UNIQUE (content, generation, ordinal)
    )""",
    """INSERT INTO passage SELECT key, content, 1, tenant, ordinal, id, start, stop, page, headings, text_hash, tokens
        FROM former_passage ORDER BY key""",
    # No key is given twice, whether its passage is still there or not.
    "DELETE FROM sqlite_sequence WHERE name = 'passage'",
    "INSERT INTO sqlite_sequence SELECT 'passage', seq FROM sqlite_sequence WHERE name = 'former_passage'",
    "DROP TABLE former_passage",
    "CREATE INDEX passage_text ON passage (text_hash, tenant)",
    """CREATE TRIGGER passage_gone AFTER DELETE ON passage BEGIN
        DELETE FROM vector
        WHERE text_hash = OLD.text_hash AND space IN (SELECT key FROM space WHERE tenant = OLD.tenant)
            AND NOT EXISTS (SELECT 1 FROM passage WHERE text_hash = OLD.text_hash AND tenant = OLD.tenant);
    END""",
)


def upgrade() -> None:
    """Make every collection's index its first generation."""
    for statement in STATEMENTS:
        op.execute(statement)

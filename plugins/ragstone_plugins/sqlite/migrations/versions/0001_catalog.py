"""The catalog's first schema."""

from alembic import op

revision = "0001"
down_revision = None

# Keys are AUTOINCREMENT: a key that was once a document's or a passage's is never another's.
TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    """CREATE TABLE collection (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant TEXT NOT NULL,
        name TEXT NOT NULL UNIQUE,
        description TEXT NOT NULL,
        default_readers TEXT NOT NULL,
        version_scheme TEXT NOT NULL,
        embedder TEXT,
        chunker TEXT,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        head INTEGER NOT NULL DEFAULT 0,
        trimmed INTEGER NOT NULL DEFAULT 0
    )""",
    """CREATE TABLE document (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        collection INTEGER NOT NULL REFERENCES collection (key) ON DELETE CASCADE,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        title TEXT NOT NULL,
        uri TEXT NOT NULL,
        mime_type TEXT NOT NULL,
        language TEXT,
        attributes TEXT NOT NULL,
        content INTEGER NOT NULL,
        position INTEGER NOT NULL,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        UNIQUE (collection, id)
    )""",
    """CREATE TABLE content (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        document INTEGER NOT NULL REFERENCES document (key) ON DELETE CASCADE,
        version INTEGER NOT NULL,
        content_hash BLOB NOT NULL,
        size_bytes INTEGER NOT NULL,
        passages INTEGER NOT NULL,
        superseded INTEGER
    )""",
    "CREATE INDEX content_document ON content (document)",
    "CREATE INDEX content_superseded ON content (superseded) WHERE superseded IS NOT NULL",
    """CREATE TABLE block (
        content INTEGER NOT NULL REFERENCES content (key) ON DELETE CASCADE,
        start INTEGER NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (content, start)
    )""",
    """CREATE TABLE passage (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        content INTEGER NOT NULL REFERENCES content (key) ON DELETE CASCADE,
        ordinal INTEGER NOT NULL,
        id TEXT NOT NULL,
        start INTEGER NOT NULL,
        stop INTEGER NOT NULL,
        page INTEGER,
        headings TEXT NOT NULL,
        text_hash BLOB NOT NULL,
        tokens INTEGER NOT NULL,
        UNIQUE (content, ordinal)
    )""",
    "CREATE INDEX passage_text_hash ON passage (text_hash)",
    """CREATE TABLE space (
        key INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL,
        embedder TEXT NOT NULL,
        UNIQUE (tenant, embedder)
    )""",
    """CREATE TABLE vector (
        space INTEGER NOT NULL REFERENCES space (key),
        text_hash BLOB NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (space, text_hash)
    ) WITHOUT ROWID""",
    """CREATE TABLE change (
        collection INTEGER NOT NULL REFERENCES collection (key) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        document INTEGER NOT NULL,
        PRIMARY KEY (collection, position)
    ) WITHOUT ROWID""",
    """CREATE TABLE fence (
        collection INTEGER NOT NULL REFERENCES collection (key) ON DELETE CASCADE,
        name_hash BLOB NOT NULL,
        version INTEGER NOT NULL,
        created INTEGER NOT NULL,
        PRIMARY KEY (collection, name_hash)
    ) WITHOUT ROWID""",
    """CREATE TABLE follower (
        collection INTEGER NOT NULL REFERENCES collection (key) ON DELETE CASCADE,
        view TEXT NOT NULL,
        durable INTEGER NOT NULL,
        PRIMARY KEY (collection, view)
    ) WITHOUT ROWID""",
    "INSERT INTO meta VALUES ('fence_key', randomblob(32))",
    "INSERT INTO meta VALUES ('epoch', lower(hex(randomblob(16))))",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in TABLES:
        op.execute(statement)

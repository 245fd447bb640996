"""The catalog's first schema. Times are microseconds since 1970."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE tenant (key INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE)",
    # AUTOINCREMENT, here and below: a key that was once given never names another row, or a stale view would find it.
    """CREATE TABLE collection (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant INTEGER NOT NULL REFERENCES tenant (key),
        name TEXT NOT NULL UNIQUE,
        description TEXT NOT NULL,
        default_readers TEXT NOT NULL,
        version_scheme TEXT NOT NULL,
        embedder TEXT,
        chunker TEXT,
        head INTEGER NOT NULL DEFAULT 0,
        trimmed INTEGER NOT NULL DEFAULT 0,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL
    )""",
    "CREATE INDEX collection_tenant ON collection (tenant, name)",
    """CREATE TABLE document (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        collection INTEGER NOT NULL REFERENCES collection (key) ON DELETE CASCADE,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        uri TEXT NOT NULL,
        mime_type TEXT NOT NULL,
        language TEXT,
        attributes TEXT NOT NULL,
        position INTEGER NOT NULL,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        UNIQUE (collection, id)
    )""",
    "CREATE INDEX document_key ON document (collection, key)",
    # Title and version are of the content: a superseded passage is rendered and cited as what it was.
    """CREATE TABLE content (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        collection INTEGER NOT NULL,
        document INTEGER NOT NULL REFERENCES document (key) ON DELETE CASCADE,
        version INTEGER NOT NULL,
        title TEXT NOT NULL,
        content_hash BLOB NOT NULL,
        size_bytes INTEGER NOT NULL,
        text_bytes INTEGER NOT NULL,
        passages INTEGER NOT NULL,
        superseded INTEGER
    )""",
    "CREATE INDEX content_document ON content (document)",
    "CREATE UNIQUE INDEX content_current ON content (document) WHERE superseded IS NULL",
    "CREATE INDEX content_superseded ON content (collection, superseded) WHERE superseded IS NOT NULL",
    # The key is made of the content's key and the block's number; see blocks.py.
    "CREATE TABLE block (key INTEGER PRIMARY KEY, start INTEGER NOT NULL, data BLOB NOT NULL)",
    """CREATE TABLE passage (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        content INTEGER NOT NULL REFERENCES content (key) ON DELETE CASCADE,
        tenant INTEGER NOT NULL,
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
    "CREATE INDEX passage_text ON passage (text_hash, tenant)",
    """CREATE TABLE space (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant INTEGER NOT NULL REFERENCES tenant (key) ON DELETE CASCADE,
        embedder TEXT NOT NULL,
        UNIQUE (tenant, embedder)
    )""",
    # A table with rowids: rows of a kilobyte and more are appended, and only the small index is written at random.
    """CREATE TABLE vector (
        key INTEGER PRIMARY KEY,
        space INTEGER NOT NULL REFERENCES space (key) ON DELETE CASCADE,
        text_hash BLOB NOT NULL,
        data BLOB NOT NULL,
        UNIQUE (space, text_hash)
    )""",
    """CREATE TABLE change (
        collection INTEGER NOT NULL REFERENCES collection (key) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        document INTEGER NOT NULL,
        kind TEXT NOT NULL,
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
    # Deleted means gone, whatever deletes: the triggers fire on cascades too.
    """CREATE TRIGGER content_gone AFTER DELETE ON content BEGIN
        DELETE FROM block WHERE key >= OLD.key << 20 AND key < (OLD.key + 1) << 20;
    END""",
    """CREATE TRIGGER passage_gone AFTER DELETE ON passage BEGIN
        DELETE FROM vector
        WHERE text_hash = OLD.text_hash AND space IN (SELECT key FROM space WHERE tenant = OLD.tenant)
            AND NOT EXISTS (SELECT 1 FROM passage WHERE text_hash = OLD.text_hash AND tenant = OLD.tenant);
    END""",
    """CREATE TRIGGER collection_gone AFTER DELETE ON collection
    WHEN NOT EXISTS (SELECT 1 FROM collection WHERE tenant = OLD.tenant) BEGIN
        DELETE FROM tenant WHERE key = OLD.tenant;
    END""",
    "INSERT INTO meta VALUES ('fence_key', randomblob(32))",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)

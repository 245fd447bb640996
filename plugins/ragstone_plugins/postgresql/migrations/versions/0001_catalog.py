"""The catalog's first schema. Times are microseconds since 1970; names are compared by code point."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    "CREATE TABLE meta (key text PRIMARY KEY, value bytea NOT NULL)",
    'CREATE TABLE tenant (key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text COLLATE "C" NOT NULL UNIQUE)',
    """CREATE TABLE collection (
        key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant bigint NOT NULL REFERENCES tenant (key),
        name text COLLATE "C" NOT NULL UNIQUE,
        description text NOT NULL,
        default_readers text NOT NULL,
        version_scheme text NOT NULL,
        embedder text,
        chunker text,
        head bigint NOT NULL DEFAULT 0,
        trimmed bigint NOT NULL DEFAULT 0,
        created bigint NOT NULL,
        updated bigint NOT NULL
    ) WITH (fillfactor = 50)""",
    "CREATE INDEX collection_tenant ON collection (tenant, name)",
    """CREATE TABLE document (
        key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        collection bigint NOT NULL REFERENCES collection (key) ON DELETE CASCADE,
        id text COLLATE "C" NOT NULL,
        version bigint NOT NULL,
        uri text NOT NULL,
        mime_type text NOT NULL,
        language text,
        attributes text NOT NULL,
        position bigint NOT NULL,
        created bigint NOT NULL,
        updated bigint NOT NULL,
        UNIQUE (collection, id)
    ) WITH (fillfactor = 80)""",
    "CREATE INDEX document_key ON document (collection, key)",
    # Title and version are of the content: a superseded passage is rendered and cited as what it was.
    """CREATE TABLE content (
        key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        collection bigint NOT NULL,
        document bigint NOT NULL REFERENCES document (key) ON DELETE CASCADE,
        version bigint NOT NULL,
        title text NOT NULL,
        content_hash bytea NOT NULL,
        size_bytes bigint NOT NULL,
        text_bytes bigint NOT NULL,
        passages integer NOT NULL,
        superseded bigint
    ) WITH (fillfactor = 80)""",
    "CREATE INDEX content_document ON content (document)",
    "CREATE UNIQUE INDEX content_current ON content (document) WHERE superseded IS NULL",
    "CREATE INDEX content_superseded ON content (collection, superseded) WHERE superseded IS NOT NULL",
    """CREATE TABLE block (
        content bigint NOT NULL REFERENCES content (key) ON DELETE CASCADE,
        number integer NOT NULL,
        start bigint NOT NULL,
        data bytea NOT NULL,
        PRIMARY KEY (content, number)
    )""",
    # Blocks are compressed by us, vectors do not compress: the database need not try.
    "ALTER TABLE block ALTER COLUMN data SET STORAGE EXTERNAL",
    """CREATE TABLE passage (
        key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        content bigint NOT NULL REFERENCES content (key) ON DELETE CASCADE,
        tenant bigint NOT NULL,
        ordinal integer NOT NULL,
        id text NOT NULL,
        start bigint NOT NULL,
        stop bigint NOT NULL,
        page integer,
        headings text NOT NULL,
        text_hash bytea NOT NULL,
        tokens integer NOT NULL,
        UNIQUE (content, ordinal)
    )""",
    "CREATE INDEX passage_text ON passage (text_hash, tenant)",
    """CREATE TABLE space (
        key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant bigint NOT NULL REFERENCES tenant (key) ON DELETE CASCADE,
        embedder text NOT NULL,
        UNIQUE (tenant, embedder)
    )""",
    """CREATE TABLE vector (
        space bigint NOT NULL REFERENCES space (key) ON DELETE CASCADE,
        text_hash bytea NOT NULL,
        data bytea NOT NULL,
        PRIMARY KEY (space, text_hash)
    )""",
    "ALTER TABLE vector ALTER COLUMN data SET STORAGE EXTERNAL",
    """CREATE TABLE change (
        collection bigint NOT NULL REFERENCES collection (key) ON DELETE CASCADE,
        position bigint NOT NULL,
        document bigint NOT NULL,
        kind text NOT NULL,
        PRIMARY KEY (collection, position)
    )""",
    """CREATE TABLE fence (
        collection bigint NOT NULL REFERENCES collection (key) ON DELETE CASCADE,
        name_hash bytea NOT NULL,
        version bigint NOT NULL,
        created bigint NOT NULL,
        PRIMARY KEY (collection, name_hash)
    )""",
    """CREATE TABLE follower (
        collection bigint NOT NULL REFERENCES collection (key) ON DELETE CASCADE,
        view text NOT NULL,
        durable bigint NOT NULL,
        seen bigint NOT NULL,
        PRIMARY KEY (collection, view)
    )""",
    # Deleted means gone, whatever deletes: the triggers fire on cascades too. Who deletes passages holds the tenant's lock
    # alone (see writing.py), so nobody puts a passage between the look and the deletion.
    """CREATE FUNCTION passages_gone() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM vector v USING space s
        WHERE s.key = v.space AND (s.tenant, v.text_hash) IN (SELECT DISTINCT tenant, text_hash FROM gone)
            AND NOT EXISTS (SELECT 1 FROM passage p WHERE p.text_hash = v.text_hash AND p.tenant = s.tenant);
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER passages_gone AFTER DELETE ON passage REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION passages_gone()""",
    """CREATE FUNCTION collection_gone() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM tenant WHERE key = OLD.tenant AND NOT EXISTS (SELECT 1 FROM collection WHERE tenant = OLD.tenant);
        RETURN NULL;
    EXCEPTION WHEN foreign_key_violation THEN
        RETURN NULL; -- Another collection of the tenant was made meanwhile.
    END $$""",
    """CREATE TRIGGER collection_gone AFTER DELETE ON collection
    FOR EACH ROW EXECUTE FUNCTION collection_gone()""",
    """CREATE TABLE prompt (
        collection bigint NOT NULL REFERENCES collection (key) ON DELETE CASCADE,
        version integer NOT NULL,
        system text NOT NULL,
        "user" text NOT NULL,
        description text NOT NULL,
        author text NOT NULL,
        created bigint NOT NULL,
        PRIMARY KEY (collection, version)
    )""",
    # `version` 0 is the built-in template, which has no row. `below` is the row that a rollback returns to: 0 before the
    # first row, NULL where there is nothing to return to.
    """CREATE TABLE prompt_activation (
        collection bigint NOT NULL REFERENCES collection (key) ON DELETE CASCADE,
        number integer NOT NULL,
        version integer NOT NULL,
        below integer,
        kind text NOT NULL,
        author text NOT NULL,
        at bigint NOT NULL,
        PRIMARY KEY (collection, number)
    )""",
    # `trying` is the offset of the event that was tried last since the source moved, `tries` how often it was.
    """CREATE TABLE source (
        name text COLLATE "C" PRIMARY KEY,
        epoch bigint NOT NULL,
        next bigint,
        clean boolean NOT NULL,
        trying bigint,
        tries integer NOT NULL DEFAULT 0
    ) WITH (fillfactor = 50)""",
    """CREATE TABLE dead_letter (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        source text COLLATE "C" NOT NULL,
        at bigint NOT NULL,
        key bytea,
        value bytea,
        headers text NOT NULL,
        bound text NOT NULL,
        event_time bigint NOT NULL,
        reason text NOT NULL,
        message text NOT NULL,
        failed bigint NOT NULL,
        published boolean NOT NULL DEFAULT false,
        UNIQUE (source, at)
    )""",
    "CREATE INDEX dead_letter_unpublished ON dead_letter (id) WHERE NOT published",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)

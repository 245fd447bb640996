"""Generations of a collection's index, and outlines of texts, by which they can be cut again."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    # In the collection's row, so that who has it locked has them: `live_generation` also before the first, for which documents
    # are counted, and `last_generation` says how many there have ever been, since a number names no other.
    """ALTER TABLE collection
        ADD COLUMN generations text NOT NULL DEFAULT '[]',
        ADD COLUMN live_generation integer NOT NULL DEFAULT 1,
        ADD COLUMN last_generation integer NOT NULL DEFAULT 0""",
    """UPDATE collection SET last_generation = 1, generations = json_build_array(json_build_object('number', 1,
        'embedder', embedder, 'chunker', chunker, 'recipe', NULL, 'state', 'live', 'created', created,
        'activated', created))::text WHERE embedder IS NOT NULL""",
    "ALTER TABLE collection DROP COLUMN embedder, DROP COLUMN chunker",
    # Passages are counted of each generation by itself.
    "ALTER TABLE content ADD COLUMN outline text NOT NULL DEFAULT '', DROP COLUMN passages",
    "ALTER TABLE passage ADD COLUMN generation integer NOT NULL DEFAULT 1",
    "ALTER TABLE passage ALTER COLUMN generation DROP DEFAULT",
    "ALTER TABLE passage DROP CONSTRAINT passage_content_ordinal_key",
    "ALTER TABLE passage ADD UNIQUE (content, generation, ordinal)",
)


def upgrade() -> None:
    """Make every collection's index its first generation."""
    for statement in STATEMENTS:
        op.execute(statement)

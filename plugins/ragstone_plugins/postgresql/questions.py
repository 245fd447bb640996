"""The store of recorded questions over the database."""

from collections.abc import Sequence

from ragstone_plugins.postgresql.connections import Database
from ragstone_plugins.postgresql.values import to_text
from ragstone_server.spi.catalog_rows import recorded_question, to_micros
from ragstone_server.spi.positions import CollectionKey
from ragstone_server.spi.questions import AskedQuestion, RecordedQuestion, merged

# Rows are locked in the order of the key, here and where they go, so that no two processes wait for each other.
_PUT = """
    INSERT INTO question
    SELECT w.* FROM unnest(
        %(collections)s::bigint[], %(hashes)s::bytea[], %(texts)s::text[], %(asked)s::bigint[], %(times)s::bigint[]
    ) AS w (collection, hash, text, asked, times) JOIN collection c ON c.key = w.collection
    ORDER BY w.collection, w.hash
    ON CONFLICT (collection, hash) DO UPDATE
    SET asked = greatest(question.asked, excluded.asked), times = question.times + excluded.times
"""
_TRIM = """
    WITH ranked AS (
        SELECT collection, hash, row_number() OVER (PARTITION BY collection ORDER BY asked DESC, hash) AS place
        FROM question WHERE collection = ANY(%(collections)s::bigint[])
    ), surplus AS (
        SELECT q.collection, q.hash FROM question q JOIN ranked r USING (collection, hash)
        WHERE r.place > %(keep)s ORDER BY q.collection, q.hash FOR UPDATE OF q
    )
    DELETE FROM question q USING surplus s WHERE q.collection = s.collection AND q.hash = s.hash
"""
_LATEST = "SELECT * FROM question WHERE collection = %s ORDER BY asked DESC, hash LIMIT %s"


class PostgresqlQuestionStore:
    """Fits `QuestionStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, questions: Sequence[AskedQuestion], keep: int, /) -> None:
        """Keep the latest: those that are too many go in a second transaction, of this or of the next time."""
        once = merged(questions)
        if not once:
            return
        collections = [each.collection for each in once]
        await self._database.write(
            _PUT,
            {
                "collections": collections,
                "hashes": [each.hash for each in once],
                "texts": [to_text(each.text) for each in once],
                "asked": [to_micros(each.asked) for each in once],
                "times": [each.times for each in once],
            },
        )
        await self._database.write(_TRIM, {"collections": sorted(set(collections)), "keep": keep})

    async def questions(self, collection: CollectionKey, limit: int, /) -> tuple[RecordedQuestion, ...]:
        """The latest first."""
        rows = await self._database.read(_LATEST, (collection, limit))
        return tuple(recorded_question(row) for row in rows)

    async def purge(self, collection: CollectionKey, /) -> int:
        """Delete all."""
        delete = "DELETE FROM question WHERE collection = %s RETURNING hash"
        return len(await self._database.write(delete, (collection,)))

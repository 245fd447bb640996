"""The store of recorded questions over the catalog's connections."""

import sqlite3
from collections.abc import Sequence

from ragstone_plugins.sqlite.connections import Readers
from ragstone_plugins.sqlite.writer import Writer
from ragstone_server.spi.catalog_rows import recorded_question, to_micros
from ragstone_server.spi.host import Lane
from ragstone_server.spi.positions import CollectionKey
from ragstone_server.spi.questions import AskedQuestion, RecordedQuestion, merged

_PUT = """
    INSERT INTO question SELECT key, ?2, ?3, ?4, ?5 FROM collection WHERE key = ?1
    ON CONFLICT DO UPDATE SET asked = max(asked, excluded.asked), times = times + excluded.times
"""
_TRIM = """
    DELETE FROM question WHERE collection = ?1 AND hash IN (
        SELECT hash FROM question WHERE collection = ?1 ORDER BY asked DESC, hash LIMIT -1 OFFSET ?2
    )
"""
_LATEST = "SELECT * FROM question WHERE collection = ? ORDER BY asked DESC, hash LIMIT ?"


class SqliteQuestionStore:
    """Fits `QuestionStore`."""

    def __init__(self, writer: Writer, readers: Readers, lane: Lane) -> None:
        self._writer = writer
        self._readers = readers
        self._lane = lane

    async def record(self, questions: Sequence[AskedQuestion], keep: int, /) -> None:
        """Keep the latest, in one transaction."""
        await self._writer.write(_record, merged(questions), keep)

    async def questions(self, collection: CollectionKey, limit: int, /) -> tuple[RecordedQuestion, ...]:
        """The latest first."""
        return await self._readers.run(self._lane, _questions, collection, limit)

    async def purge(self, collection: CollectionKey, /) -> int:
        """Delete all; what they were leaves the write-ahead log too."""
        gone = await self._writer.write(_purge, collection)
        await self._writer.erase_log()
        return gone


def _record(connection: sqlite3.Connection, questions: Sequence[AskedQuestion], keep: int) -> None:
    rows = [(each.collection, each.hash, each.text, to_micros(each.asked), each.times) for each in questions]
    connection.executemany(_PUT, rows)
    connection.executemany(_TRIM, [(collection, keep) for collection in {each.collection for each in questions}])


def _questions(connection: sqlite3.Connection, collection: CollectionKey, limit: int) -> tuple[RecordedQuestion, ...]:
    return tuple(recorded_question(row) for row in connection.execute(_LATEST, (collection, limit)))


def _purge(connection: sqlite3.Connection, collection: CollectionKey) -> int:
    return connection.execute("DELETE FROM question WHERE collection = ?", (collection,)).rowcount

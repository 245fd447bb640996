"""The source store over the database."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager

from ragstone_plugins.postgresql.connections import Database, Statement
from ragstone_plugins.postgresql.transaction import PostgresqlTransaction
from ragstone_plugins.postgresql.values import to_text
from ragstone_server.spi.catalog_rows import collection_record, dead_letter, dead_letter_summary, to_headers, to_micros
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.positions import CollectionKey
from ragstone_server.spi.sources import (
    DeadLetter,
    DeadLetterId,
    DeadLetterSummary,
    NewDeadLetter,
    SourceClaim,
    SourceLost,
    SourceMove,
    SourceName,
)

_MOVE = """
    UPDATE source SET next = %s, trying = NULL, tries = 0
    WHERE name = %s AND epoch = %s AND next IS NOT DISTINCT FROM %s::bigint RETURNING name
"""
# In the order of the keys: of two transactions over several collections none waits for the other in a circle.
_LOCK = "SELECT * FROM collection WHERE key = ANY(%s) ORDER BY key FOR NO KEY UPDATE"
_FORMER = "SELECT clean FROM source WHERE name = %s FOR UPDATE"
_CLAIM = """
    INSERT INTO source (name, epoch, clean) VALUES (%s, 1, false)
    ON CONFLICT (name) DO UPDATE SET epoch = source.epoch + 1, clean = false RETURNING epoch, next
"""
_TRY = """
    UPDATE source SET tries = CASE WHEN trying = %(at)s THEN tries + 1 ELSE 1 END, trying = %(at)s
    WHERE name = %(name)s AND epoch = %(epoch)s RETURNING tries
"""
_PUT = """
    INSERT INTO dead_letter (source, at, key, value, headers, bound, event_time, reason, message, failed)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
# A length is known without reading what is stored out of line.
_SUMMARIES = """
    SELECT id, source, at, bound, event_time, reason, message, failed, published, octet_length(value) AS size
    FROM dead_letter WHERE id > %s ORDER BY id LIMIT %s
"""
_UNPUBLISHED = "SELECT * FROM dead_letter WHERE NOT published AND starts_with(source, %s) ORDER BY id LIMIT %s"


class PostgresqlSourceTransaction:
    """Fits `SourceTransaction`."""

    def __init__(self, collections: Mapping[CollectionKey, PostgresqlTransaction]) -> None:
        self.collections = collections
        self._letters: list[Statement] = []

    async def put_dead_letter(self, letter: NewDeadLetter, /) -> None:
        """Keep an event that can not be applied."""
        values = (
            letter.source,
            letter.offset,
            letter.key,
            letter.value,
            to_headers(letter.headers),
            letter.bound,
            to_micros(letter.event_time),
            letter.reason,
            to_text(letter.message),
            to_micros(letter.failed),
        )
        self._letters.append((_PUT, values))

    def left(self) -> Iterator[Statement]:
        """What was gathered and not sent; it counts as sent."""
        for collection in self.collections.values():
            yield from collection.left()
        yield from self._letters
        self._letters.clear()


class PostgresqlSourceStore:
    """Fits `SourceStore`."""

    def __init__(self, database: Database, fence_key: bytes) -> None:
        self._database = database
        self._fence_key = fence_key

    @asynccontextmanager
    async def transaction(
        self, collections: Iterable[CollectionKey], move: SourceMove, /
    ) -> AsyncIterator[PostgresqlSourceTransaction]:
        """Write documents and dead letters, and move the source."""
        claim = move.claim
        moving = _MOVE, (move.next, claim.source, claim.epoch, move.expected)
        async with self._database.transaction() as transaction:
            moved, rows = await transaction.together(moving, (_LOCK, (sorted(set(collections)),)))
            if not moved:
                raise SourceLost
            records = [collection_record(row) for row in rows]
            opened = PostgresqlSourceTransaction(
                {record.key: PostgresqlTransaction(transaction, self._fence_key, record) for record in records},
            )
            transaction.before_commit(opened.left)
            yield opened
            reach(FailPoint.CATALOG_BEFORE_COMMIT)
        reach(FailPoint.CATALOG_AFTER_COMMIT)

    async def claim(self, source: SourceName, /) -> SourceClaim:
        """Take the source over."""
        async with self._database.transaction() as transaction:
            former, rows = await transaction.together((_FORMER, (source,)), (_CLAIM, (source,)))
            clean = not former or former[0]["clean"]
            return SourceClaim(source=source, epoch=rows[0]["epoch"], next=rows[0]["next"], clean=clean)

    async def release(self, claim: SourceClaim, /) -> None:
        """Let go of the source."""
        await self._database.write(
            "UPDATE source SET clean = true WHERE name = %s AND epoch = %s", (claim.source, claim.epoch)
        )

    async def begin_try(self, claim: SourceClaim, offset: int, /) -> int:
        """Count a try."""
        rows = await self._database.write(_TRY, {"at": offset, "name": claim.source, "epoch": claim.epoch})
        if not rows:
            raise SourceLost
        return int(rows[0]["tries"])

    async def end_try(self, claim: SourceClaim, /) -> None:
        """Begin to count anew."""
        await self._database.write(
            "UPDATE source SET trying = NULL, tries = 0 WHERE name = %s AND epoch = %s", (claim.source, claim.epoch)
        )

    async def positions(self, prefix: str, /) -> Mapping[SourceName, int]:
        """Offsets of the next events."""
        rows = await self._database.read(
            "SELECT name, next FROM source WHERE starts_with(name, %s) AND next IS NOT NULL ORDER BY name", (prefix,)
        )
        return {SourceName(row["name"]): row["next"] for row in rows}

    async def dead_letters(self, after: DeadLetterId, limit: int, /) -> tuple[DeadLetter, ...]:
        """A page."""
        rows = await self._database.read("SELECT * FROM dead_letter WHERE id > %s ORDER BY id LIMIT %s", (after, limit))
        return tuple(dead_letter(row) for row in rows)

    async def dead_letter_summaries(self, after: DeadLetterId, limit: int, /) -> tuple[DeadLetterSummary, ...]:
        """A page without the events."""
        return tuple(dead_letter_summary(row) for row in await self._database.read(_SUMMARIES, (after, limit)))

    async def dead_letter_count(self) -> int:
        """How many there are."""
        rows = await self._database.read("SELECT count(*) AS letters FROM dead_letter")
        return int(rows[0]["letters"])

    async def dead_letter(self, letter: DeadLetterId, /) -> DeadLetter | None:
        """One letter, or None."""
        rows = await self._database.read("SELECT * FROM dead_letter WHERE id = %s", (letter,))
        return dead_letter(rows[0]) if rows else None

    async def unpublished(self, prefix: str, limit: int, /) -> tuple[DeadLetter, ...]:
        """Letters to publish."""
        return tuple(dead_letter(row) for row in await self._database.read(_UNPUBLISHED, (prefix, limit)))

    async def note_published(self, letters: Iterable[DeadLetterId], /) -> None:
        """Note that the topic has them."""
        await self._database.write("UPDATE dead_letter SET published = true WHERE id = ANY(%s)", (list(letters),))

    async def delete_dead_letter(self, letter: DeadLetterId, /) -> bool:
        """Forget a letter."""
        return bool(await self._database.write("DELETE FROM dead_letter WHERE id = %s RETURNING id", (letter,)))

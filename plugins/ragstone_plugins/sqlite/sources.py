"""The source store over the catalog's connections."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from ragstone_plugins.sqlite import reading, sourcing
from ragstone_plugins.sqlite.connections import Readers
from ragstone_plugins.sqlite.fences import Fences
from ragstone_plugins.sqlite.transaction import SqliteTransaction
from ragstone_plugins.sqlite.writer import Writer
from ragstone_server.spi.errors import CollectionNotFound
from ragstone_server.spi.host import Lane
from ragstone_server.spi.positions import CollectionKey
from ragstone_server.spi.sources import (
    DeadLetter,
    DeadLetterId,
    DeadLetterSummary,
    NewDeadLetter,
    SourceClaim,
    SourceMove,
    SourceName,
)


class SqliteSourceTransaction:
    """Fits `SourceTransaction`."""

    def __init__(self, writer: Writer, collections: Mapping[CollectionKey, SqliteTransaction]) -> None:
        self.collections = collections
        self._writer = writer

    async def put_dead_letter(self, letter: NewDeadLetter, /) -> None:
        """Keep an event that can not be applied."""
        await self._writer.run(sourcing.put_dead_letter, letter)


class SqliteSourceStore:
    """Fits `SourceStore`."""

    def __init__(self, writer: Writer, readers: Readers, lane: Lane, fences: Fences) -> None:
        self._writer = writer
        self._readers = readers
        self._lane = lane
        self._fences = fences

    @asynccontextmanager
    async def transaction(
        self, collections: Iterable[CollectionKey], move: SourceMove, /
    ) -> AsyncIterator[SqliteSourceTransaction]:
        """Write documents and dead letters, and move the source."""
        async with self._writer.transaction(documents=True):
            await self._writer.run(sourcing.move, move)
            opened = {}
            for key in set(collections):
                try:
                    record = await self._writer.run(reading.collection_by_key, key)
                except CollectionNotFound:
                    continue
                opened[key] = SqliteTransaction(self._writer, self._fences, record)
            yield SqliteSourceTransaction(self._writer, opened)

    async def claim(self, source: SourceName, /) -> SourceClaim:
        """Take the source over."""
        return await self._writer.write(sourcing.claim, source)

    async def release(self, claim: SourceClaim, /) -> None:
        """Let go of the source."""
        await self._writer.write(sourcing.release, claim)

    async def begin_try(self, claim: SourceClaim, offset: int, /) -> int:
        """Count a try."""
        return await self._writer.write(sourcing.begin_try, claim, offset)

    async def end_try(self, claim: SourceClaim, /) -> None:
        """Begin to count anew."""
        await self._writer.write(sourcing.end_try, claim)

    async def positions(self, prefix: str, /) -> Mapping[SourceName, int]:
        """Offsets of the next events."""
        return await self._readers.run(self._lane, sourcing.positions, prefix)

    async def dead_letters(self, after: DeadLetterId, limit: int, /) -> tuple[DeadLetter, ...]:
        """A page."""
        return await self._readers.run(self._lane, sourcing.dead_letters, after, limit)

    async def dead_letter_summaries(self, after: DeadLetterId, limit: int, /) -> tuple[DeadLetterSummary, ...]:
        """A page without the events."""
        return await self._readers.run(self._lane, sourcing.dead_letter_summaries, after, limit)

    async def dead_letter_count(self) -> int:
        """How many there are."""
        return await self._readers.run(self._lane, sourcing.dead_letter_count)

    async def dead_letter(self, letter: DeadLetterId, /) -> DeadLetter | None:
        """One letter, or None."""
        return await self._readers.run(self._lane, sourcing.dead_letter, letter)

    async def unpublished(self, prefix: str, limit: int, /) -> tuple[DeadLetter, ...]:
        """Letters to publish."""
        return await self._readers.run(self._lane, sourcing.unpublished, prefix, limit)

    async def note_published(self, letters: Iterable[DeadLetterId], /) -> None:
        """Note that the topic has them."""
        await self._writer.write(sourcing.note_published, letters)

    async def delete_dead_letter(self, letter: DeadLetterId, /) -> bool:
        """Forget a letter; what it held leaves the write-ahead log too."""
        gone = await self._writer.write(sourcing.delete_dead_letter, letter)
        await self._writer.erase_log()
        return gone

"""The part of a catalog store that keeps sources and dead letters."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from ragstone_server.spi.catalog_transaction import CatalogTransaction
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


class SourceTransaction(Protocol):
    """Writes of several collections, whose rows are locked, with the move of a source: all or nothing."""

    @property
    def collections(self) -> Mapping[CollectionKey, CatalogTransaction]:
        """Those that were asked for, without those that are gone."""
        ...

    async def put_dead_letter(self, letter: NewDeadLetter, /) -> None:
        """Keep an event that can not be applied. One of the same source and offset is not kept twice."""
        ...


class SourceStore(Protocol):
    """Sources by their names, and dead letters."""

    def transaction(
        self, collections: Iterable[CollectionKey], move: SourceMove, /
    ) -> AbstractAsyncContextManager[SourceTransaction]:
        """Write documents and dead letters, and move the source. Raises `SourceLost` before anything is written."""
        ...

    async def claim(self, source: SourceName, /) -> SourceClaim:
        """Take the source over. A transaction of the former holder that was begun ends first."""
        ...

    async def release(self, claim: SourceClaim, /) -> None:
        """Let go of the source; nothing where another has claimed it."""
        ...

    async def begin_try(self, claim: SourceClaim, offset: int, /) -> int:
        """Note that the event at the offset is tried now; return how often it was since the source moved last.

        Who dies over an event has noted it before. Raises `SourceLost`.
        """
        ...

    async def end_try(self, claim: SourceClaim, /) -> None:
        """Note that the event that is tried did not end the process, whatever became of it; nothing where the claim is lost."""
        ...

    async def positions(self, prefix: str, /) -> Mapping[SourceName, int]:
        """Offsets of the next events of the sources whose names begin so, of those that were applied to some extent."""
        ...

    async def dead_letters(self, after: DeadLetterId, limit: int, /) -> tuple[DeadLetter, ...]:
        """Letters with greater ids, ascending."""
        ...

    async def dead_letter_summaries(self, after: DeadLetterId, limit: int, /) -> tuple[DeadLetterSummary, ...]:
        """The same without their events: what it costs does not grow with these."""
        ...

    async def dead_letter_count(self) -> int:
        """How many there are."""
        ...

    async def dead_letter(self, letter: DeadLetterId, /) -> DeadLetter | None:
        """One letter, or None."""
        ...

    async def unpublished(self, prefix: str, limit: int, /) -> tuple[DeadLetter, ...]:
        """Letters of the sources whose names begin so that were not published yet, ascending."""
        ...

    async def note_published(self, letters: Iterable[DeadLetterId], /) -> None:
        """Note that the dead-letter topic has them."""
        ...

    async def delete_dead_letter(self, letter: DeadLetterId, /) -> bool:
        """Forget a letter; whether it was there."""
        ...

"""Sources and dead letters in memory."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count

from ragstone_server.spi.errors import CollectionNotFound
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
from ragstone_server.testing.memory.catalog_transaction import MemoryTransaction

Begin = Callable[[CollectionKey], AbstractAsyncContextManager[MemoryTransaction]]


@dataclass(slots=True)
class _Source:
    epoch: int = 0
    next: int | None = None
    clean: bool = True
    trying: int | None = None
    tries: int = 0


class MemorySourceTransaction:
    """Fits `SourceTransaction`."""

    def __init__(self, collections: Mapping[CollectionKey, MemoryTransaction]) -> None:
        self.collections = collections
        self.letters: list[NewDeadLetter] = []

    async def put_dead_letter(self, letter: NewDeadLetter, /) -> None:
        """Keep it until the commit."""
        self.letters.append(letter)


class MemorySourceStore:
    """Fits `SourceStore`; `begin` opens a transaction of one collection."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._sources: defaultdict[SourceName, _Source] = defaultdict(_Source)
        self._locks: defaultdict[SourceName, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._letters: dict[DeadLetterId, DeadLetter] = {}
        self._ids = count(1)

    @asynccontextmanager
    async def transaction(
        self, collections: Iterable[CollectionKey], move: SourceMove, /
    ) -> AsyncIterator[MemorySourceTransaction]:
        """Write documents and dead letters, and move the source."""
        async with self._locks[move.claim.source], AsyncExitStack() as stack:
            source = self._held(move.claim)
            if source.next != move.expected:
                raise SourceLost
            opened: dict[CollectionKey, MemoryTransaction] = {}
            for key in sorted(set(collections)):
                try:
                    opened[key] = await stack.enter_async_context(self._begin(key))
                except CollectionNotFound:
                    continue
            transaction = MemorySourceTransaction(opened)
            yield transaction
            for letter in transaction.letters:
                self._put(letter)
            source.next, source.trying, source.tries = move.next, None, 0

    async def claim(self, source: SourceName, /) -> SourceClaim:
        """Take the source over."""
        async with self._locks[source]:
            state = self._sources[source]
            claim = SourceClaim(source=source, epoch=state.epoch + 1, next=state.next, clean=state.clean)
            state.epoch, state.clean = claim.epoch, False
            return claim

    async def release(self, claim: SourceClaim, /) -> None:
        """Let go of the source."""
        state = self._sources[claim.source]
        if state.epoch == claim.epoch:
            state.clean = True

    async def begin_try(self, claim: SourceClaim, offset: int, /) -> int:
        """Count a try."""
        state = self._held(claim)
        state.tries = state.tries + 1 if state.trying == offset else 1
        state.trying = offset
        return state.tries

    async def end_try(self, claim: SourceClaim, /) -> None:
        """Begin to count anew."""
        state = self._sources[claim.source]
        if state.epoch == claim.epoch:
            state.trying, state.tries = None, 0

    async def positions(self, prefix: str, /) -> Mapping[SourceName, int]:
        """Offsets of the next events."""
        return {
            name: state.next
            for name, state in self._sources.items()
            if name.startswith(prefix) and state.next is not None
        }

    async def dead_letters(self, after: DeadLetterId, limit: int, /) -> tuple[DeadLetter, ...]:
        """A page."""
        return tuple(letter for letter in self._letters.values() if letter.id > after)[:limit]

    async def dead_letter_summaries(self, after: DeadLetterId, limit: int, /) -> tuple[DeadLetterSummary, ...]:
        """A page without the events."""
        return tuple(letter.summary for letter in await self.dead_letters(after, limit))

    async def dead_letter_count(self) -> int:
        """How many there are."""
        return len(self._letters)

    async def dead_letter(self, letter: DeadLetterId, /) -> DeadLetter | None:
        """One letter, or None."""
        return self._letters.get(letter)

    async def unpublished(self, prefix: str, limit: int, /) -> tuple[DeadLetter, ...]:
        """Letters to publish."""
        waiting = (each for each in self._letters.values() if not each.published)
        return tuple(each for each in waiting if each.letter.source.startswith(prefix))[:limit]

    async def note_published(self, letters: Iterable[DeadLetterId], /) -> None:
        """Note that the topic has them."""
        for letter in letters:
            if letter in self._letters:
                self._letters[letter] = replace(self._letters[letter], published=True)

    async def delete_dead_letter(self, letter: DeadLetterId, /) -> bool:
        """Forget a letter."""
        return self._letters.pop(letter, None) is not None

    def _held(self, claim: SourceClaim) -> _Source:
        state = self._sources[claim.source]
        if state.epoch != claim.epoch:
            raise SourceLost
        return state

    def _put(self, new: NewDeadLetter) -> None:
        if any((old.letter.source, old.letter.offset) == (new.source, new.offset) for old in self._letters.values()):
            return
        key = DeadLetterId(next(self._ids))
        self._letters[key] = DeadLetter(id=key, letter=new, published=False)

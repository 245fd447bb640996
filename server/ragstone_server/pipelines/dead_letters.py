"""What operators do with dead letters: list, read, replay, discard."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from weakref import WeakValueDictionary

from ragstone_server.catalog.writes import WriteReceipt
from ragstone_server.spi.errors import DeadLetterNotFound
from ragstone_server.spi.source_store import SourceStore
from ragstone_server.spi.sources import DeadLetter, DeadLetterId, DeadLetterSummary

logger = logging.getLogger(__name__)

Replay = Callable[[DeadLetter, bool], Awaitable[WriteReceipt]]
"""Applies the event of a letter as its source would today; returns when that is on disk, and leaves the letter where it is.

The flag is `force`: without it, an event that has no version, of a document that was written or deleted after the letter failed,
is refused with `VersionStale`, because it would become the newest version. Raises the `RequestError` that says why the event
cannot be applied. Applying it twice has the effect of once, as far as its version tells.
"""


class DeadLetters:
    """The dead letters of a catalog. They are worked on one at a time each, so that of two replays at once one has an effect.

    That holds within a process. Where two processes replay a letter at once, its version decides, as with any redelivery.
    """

    def __init__(self, store: SourceStore, replay: Replay) -> None:
        self._store = store
        self._apply = replay
        self._locks: WeakValueDictionary[DeadLetterId, asyncio.Lock] = WeakValueDictionary()

    async def summaries(self, after: DeadLetterId, limit: int) -> tuple[DeadLetterSummary, ...]:
        """Letters with greater ids, ascending, without their events."""
        return await self._store.dead_letter_summaries(after, limit)

    async def letter(self, letter: DeadLetterId) -> DeadLetter:
        """One letter with its event. Raises `DeadLetterNotFound`."""
        found = await self._store.dead_letter(letter)
        if found is None:
            raise _not_found(letter)
        return found

    async def replay(self, letter: DeadLetterId, *, force: bool) -> WriteReceipt:
        """Apply the event again and forget the letter; it stays where that fails.

        Whoever dies in between leaves a letter whose event is applied: replaying it once more changes nothing. Raises
        `DeadLetterNotFound`, and what `Replay` raises.
        """
        async with self._alone(letter):
            found = await self.letter(letter)
            receipt = await self._apply(found, force)
            await self._store.delete_dead_letter(letter)
        _tell(found.summary, f"replayed ({receipt.outcome})")
        return receipt

    async def discard(self, letter: DeadLetterId) -> None:
        """Forget a letter; its event is not applied. Raises `DeadLetterNotFound`."""
        async with self._alone(letter):
            known = await self._store.dead_letter_summaries(DeadLetterId(letter - 1), 1)
            if not await self._store.delete_dead_letter(letter):
                raise _not_found(letter)
        for each in known:
            _tell(each, "discarded")

    def _alone(self, letter: DeadLetterId) -> AbstractAsyncContextManager[None]:
        return self._locks.setdefault(letter, asyncio.Lock())


def _tell(letter: DeadLetterSummary, what: str) -> None:
    """In the log: no event goes without a trace."""
    logger.info("dead letter %d (%s at %d, %s) was %s", letter.id, letter.source, letter.offset, letter.reason, what)


def _not_found(letter: DeadLetterId) -> DeadLetterNotFound:
    return DeadLetterNotFound(
        f"there is no dead letter {letter}; it was replayed or discarded", metadata={"dead_letter": str(letter)}
    )

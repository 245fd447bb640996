"""What was superseded goes when nobody can need it any more, and the log with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from ragstone_server.indexing.settings import IndexingSettings
from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.positions import NO_POSITION, CollectionKey, Position


@dataclass(slots=True)
class _Looked:
    retired: Position = NO_POSITION
    """What was superseded up to here was out of sight of every use at the last look, and of those that began since."""
    trimmed: Position = NO_POSITION
    """Up to here superseded passages and the log are gone."""


class Retiring:
    """Of collections of which this process has open indexes."""

    def __init__(self, store: CatalogStore, clock: Clock, settings: IndexingSettings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._looked: dict[CollectionKey, _Looked] = {}
        self._others: dict[CollectionKey, Position] = {}
        """How far the slowest view of any process was at the last look."""

    async def retire(self, key: CollectionKey, behind: Sequence[Position]) -> None:
        """`behind`: of each open index, how far it is, or was when the oldest use of it began.

        What was out of sight at the last look has left the hands of those who used it before, too.
        """
        if not behind:
            return
        before = self._looked.setdefault(key, _Looked())
        upto, before.retired = min(before.retired, *behind), min(behind)
        now = self._clock.now()
        await self._store.drop_followers(key, now - timedelta(hours=self._settings.follower_hours))
        followers = await self._store.followers(key)
        # Of the others, too, what was so at the last look: their queries that began before have ended since.
        slowest = min(followers.values(), default=upto)
        upto = min(upto, self._others.get(key, NO_POSITION), slowest)
        self._others[key] = slowest
        if upto > before.trimmed:
            await self._store.retire(key, upto, upto, now)
            before.trimmed = upto

    def forget(self, key: CollectionKey) -> None:
        """No index of it is open any more."""
        self._looked.pop(key, None)

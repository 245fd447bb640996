"""The views of all collections: opened when used, closed when others are used more recently."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ragstone_server.indexing.collection_index import CollectionIndex, IndexKinds, collection_index, remove_files
from ragstone_server.indexing.settings import IndexingSettings
from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.positions import CollectionKey, Position

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Open:
    context: AbstractAsyncContextManager[CollectionIndex]
    index: CollectionIndex
    pins: int = 0
    retired: Position = field(default=Position(0))
    """Durable position at the last look: what was superseded before it was out of every query's sight since."""
    trimmed: Position = field(default=Position(0))
    """Up to here superseded passages and the log are gone."""


class Indexes:
    """Opens at most `open_collections` indexes, more only while more are pinned at once."""

    def __init__(
        self, kinds: IndexKinds, store: CatalogStore, directory: Path, settings: IndexingSettings, clock: Clock
    ) -> None:
        self._kinds = kinds
        self._store = store
        self._directory = directory
        self._settings = settings
        self._clock = clock
        self._open: OrderedDict[CollectionKey, _Open] = OrderedDict()
        self._locks: dict[CollectionKey, asyncio.Lock] = {}
        self._opening: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Indexes"]:
        """Open what has fallen behind, retire what is superseded, close everything at the end."""
        retiring = asyncio.create_task(self._retire_forever(), name="retire")
        catching_up = asyncio.create_task(self._open_what_lags(), name="open-lagging")
        try:
            yield self
        finally:
            retiring.cancel()
            catching_up.cancel()
            await asyncio.gather(retiring, catching_up, *self._opening, return_exceptions=True)
            for key in list(self._open):
                await self._close(key)

    @asynccontextmanager
    async def pin(self, collection: CollectionRecord) -> AsyncIterator[CollectionIndex]:
        """The collection's index, open as long as the context. Its generation is set: it has had a document."""
        opened = await self._opened(collection)
        try:
            await self._close_least_used()
            yield opened.index
        finally:
            opened.pins -= 1

    def nudge(self, collection: CollectionRecord) -> None:
        """Say that the collection's log has grown. Opens its index in the background where it is not open."""
        opened = self._open.get(collection.key)
        if opened is not None:
            opened.index.nudge()
            return
        task = asyncio.create_task(self._open_by_name(collection), name=f"open-{collection.key}")
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def drop(self, key: CollectionKey) -> None:
        """Close and forget the index of a collection that was deleted."""
        async with self._lock(key):
            await self._close(key)
            await asyncio.to_thread(remove_files, self._path(key))

    def positions(self) -> dict[CollectionKey, dict[str, Position]]:
        """How far the views of the open collections are."""
        return {
            key: {name: follower.position for name, follower in opened.index.followers.items()}
            for key, opened in self._open.items()
        }

    def failures(self) -> dict[CollectionKey, dict[str, str]]:
        """Views that cannot follow, with what is wrong."""
        return {
            key: {name: f.failure for name, f in opened.index.followers.items() if f.failure}
            for key, opened in self._open.items()
            if any(f.failure for f in opened.index.followers.values())
        }

    async def _opened(self, collection: CollectionRecord) -> _Open:
        """Open and pinned, so that nobody closes it in between; the caller gives the pin back."""
        async with self._lock(collection.key):
            opened = self._open.get(collection.key)
            if opened is None:
                context = collection_index(
                    collection, self._kinds, self._store, self._path(collection.key), self._settings
                )
                opened = _Open(context, await context.__aenter__())
                self._open[collection.key] = opened
            self._open.move_to_end(collection.key)
            opened.pins += 1
        return opened

    async def _close_least_used(self) -> None:
        surplus = len(self._open) - self._settings.open_collections
        for key in [key for key, opened in self._open.items() if opened.pins == 0][: max(0, surplus)]:
            async with self._lock(key):
                if key in self._open and self._open[key].pins == 0:
                    await self._close(key)

    async def _close(self, key: CollectionKey) -> None:
        opened = self._open.pop(key, None)
        if opened is not None:
            try:
                await opened.context.__aexit__(None, None, None)
            except Exception:
                logger.exception("the index of collection %d did not close cleanly", key)

    async def _open_by_name(self, collection: CollectionRecord) -> None:
        try:
            fresh = await self._store.collection(collection.name)
            if fresh.generation is not None:
                async with self.pin(fresh) as index:
                    index.nudge()
        except Exception:
            logger.exception("the index of %s could not be opened", collection.name)

    async def _open_what_lags(self) -> None:
        """After a restart: follow what was written and not yet applied, before anyone asks."""
        after = ""
        while page := await self._store.collections(None, after, 100):
            for collection in page:
                followers = await self._store.followers(collection.key)
                if collection.generation is not None and min(followers.values(), default=0) < collection.head:
                    await self._open_by_name(collection)
            after = str(page[-1].name)

    async def _retire_forever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.retire_seconds)
            for key, opened in list(self._open.items()):
                try:
                    await self._retire(key, opened)
                except Exception:
                    logger.exception("retiring superseded passages of collection %d failed", key)

    async def _retire(self, key: CollectionKey, opened: _Open) -> None:
        """What was durable at the last look is gone from every view and from every query that began before it."""
        upto, opened.retired = opened.retired, opened.index.durable
        followers = await self._store.followers(key)
        upto = min(upto, *followers.values()) if followers else upto
        if upto > opened.trimmed:
            await self._store.retire(key, upto, upto, self._clock.now())
            opened.trimmed = upto

    def _lock(self, key: CollectionKey) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())

    def _path(self, key: CollectionKey) -> Path:
        return self._directory / f"{key:08d}"

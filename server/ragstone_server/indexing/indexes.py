"""The views of all collections: opened when used, closed when others are used more recently."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from ragstone_server.indexing.collection_index import VIEWS, CollectionIndex, IndexKinds, collection_index, remove_files
from ragstone_server.indexing.folders import ViewFolders
from ragstone_server.indexing.follower import noted_as, view_name
from ragstone_server.indexing.pins import IndexKey, Pins
from ragstone_server.indexing.retiring import Retiring
from ragstone_server.indexing.settings import IndexingSettings
from ragstone_server.indexing.watcher import watching
from ragstone_server.spi.catalog_store import CatalogStore, CollectionHead, CollectionRecord, every_collection
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.critical import CriticalWork
from ragstone_server.spi.errors import CatalogUnavailable, CollectionNotFound, GenerationMismatch, GenerationNotFound
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.generations import GenerationNumber, GenerationState
from ragstone_server.spi.names import CollectionName
from ragstone_server.spi.positions import NO_POSITION, CollectionKey, Position

logger = logging.getLogger(__name__)

OPENED = (GenerationState.LIVE, GenerationState.READY)
"""States in which a generation's views follow without being asked for: what is ready is to answer at once when it becomes live."""


@dataclass(slots=True)
class _Open:
    name: CollectionName
    context: AbstractAsyncContextManager[CollectionIndex]
    index: CollectionIndex


class Indexes:
    """Opens at most `open_collections` indexes, more only while more are pinned at once."""

    def __init__(
        self,
        kinds: IndexKinds,
        store: CatalogStore,
        directory: Path,
        settings: IndexingSettings,
        clock: Clock,
        instance: str = "",
        *,
        following: bool = True,
    ) -> None:
        """`instance` tells this process's views from those of others over the same catalog.

        `following`: whether it has views at all; without, nothing is opened before it is pinned.
        """
        self._following = following
        self._kinds = kinds
        self._store = store
        self._folders = ViewFolders(directory)
        self._settings = settings
        self._clock = clock
        self._instance = instance
        self._open: OrderedDict[IndexKey, _Open] = OrderedDict()
        self._retiring = Retiring(store, clock, settings)
        self._pins = Pins()
        # Who holds a lock or waits for it keeps it here; it goes with the last of them.
        self._locks: WeakValueDictionary[CollectionKey, asyncio.Lock] = WeakValueDictionary()
        self._critical = CriticalWork()
        self._background: set[asyncio.Task[None]] = set()
        self._opening: set[CollectionKey] = set()

    @property
    def following(self) -> bool:
        """Whether this process has views."""
        return self._following

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Indexes"]:
        """Remove what was deleted, open what has fallen behind, retire what is superseded, close everything at the end."""
        if not self._following:
            try:
                yield self
            finally:
                await self._close_all()
            return
        await self._sweep()
        retiring = asyncio.create_task(self._retire_forever(), name="retire")
        catching_up = asyncio.create_task(self._open_what_lags(), name="open-lagging")
        try:
            if self._store.shared:
                async with watching(self._store, self._settings.poll_seconds, self._moved):
                    yield self
            else:
                yield self
        finally:
            retiring.cancel()
            catching_up.cancel()
            await asyncio.gather(retiring, catching_up, return_exceptions=True)
            await self._close_all()

    @asynccontextmanager
    async def pin(
        self, collection: CollectionRecord, generation: GenerationNumber | None = None
    ) -> AsyncIterator[CollectionIndex]:
        """The index of a generation (None: the live one, which there is), open as long as the context.

        Raises `CollectionNotFound`, `GenerationNotFound` where it was deleted meanwhile, and `GenerationMismatch`. Who is
        cancelled leaves no opening and no closing half done.
        """
        if generation is None:
            assert collection.live is not None
            generation = collection.live.number
        key = collection.key, generation
        try:
            # Pinned before it is opened, so that nobody closes it in between.
            with self._pins.hold(key) as pin:
                while key not in self._open:
                    await self._critical.run(self._open_now(collection, generation))
                self._open.move_to_end(key)
                index = self._open[key].index
                pin.since = index.durable
                if self._surplus() is not None:
                    await self._critical.run(self._close_surplus())
                yield index
        finally:
            if self._surplus() is not None:
                self._begin(self._close_surplus(), "close-surplus")

    def nudge(self, collection: CollectionRecord) -> None:
        """Say that the collection's log has grown. Opens its index in the background where it is not open."""
        self._nudge(collection.key, collection.name)

    def follow(self, collection: CollectionRecord) -> None:
        """Have the views opened of all its generations that follow without being asked for."""
        if self._following:
            self._begin(self._open_by_name(collection.key, collection.name), f"follow-{collection.key}")

    async def drop(self, key: CollectionKey) -> None:
        """Close and forget the index of a collection that was deleted."""
        await self._critical.run(self._drop_now(key))

    async def drop_generation(self, key: CollectionKey, generation: GenerationNumber) -> None:
        """Close and forget the index of a generation that was deleted."""
        await self._critical.run(self._drop_generation_now((key, generation)))

    def positions(self) -> dict[CollectionKey, dict[str, Position]]:
        """How far the open views are, by collection and the names that the views have within it."""
        found: dict[CollectionKey, dict[str, Position]] = {}
        for (key, generation), opened in self._open.items():
            for name, follower in opened.index.followers.items():
                found.setdefault(key, {})[view_name(name, generation)] = follower.position
        return found

    def failures(self) -> dict[CollectionKey, dict[str, str]]:
        """Views that cannot follow or have to be rebuilt, with what is wrong."""
        found: dict[CollectionKey, dict[str, str]] = {}
        for (key, generation), opened in self._open.items():
            for name, follower in opened.index.followers.items():
                if follower.trouble:
                    found.setdefault(key, {})[view_name(name, generation)] = follower.trouble
        return found

    def _of(self, key: CollectionKey) -> list[tuple[IndexKey, _Open]]:
        """What is open of a collection."""
        return [(each, opened) for each, opened in self._open.items() if each[0] == key]

    def _moved(self, head: CollectionHead) -> None:
        """Another process may have written: follow, or open what there is room for; the rest opens with its first question."""
        if self._of(head.key) or len(self._open) < self._settings.open_collections:
            self._nudge(head.key, head.name)

    def _nudge(self, key: CollectionKey, name: CollectionName) -> None:
        if not self._following:
            return
        opened = self._of(key)
        for _, each in opened:
            each.index.nudge()
        if not opened and key not in self._opening:
            self._opening.add(key)
            self._begin(self._open_by_name(key, name), f"open-{key}")

    async def _open_now(self, collection: CollectionRecord, generation: GenerationNumber) -> None:
        key = collection.key, generation
        async with self._lock(collection.key):
            if key in self._open:
                return
            # Read under the lock: a deletion that comes later drops what is opened here, and none came before.
            fresh = await self._store.collection(collection.name)
            if fresh.key != collection.key:
                raise CollectionNotFound(metadata={"collection": str(collection.name)})
            context = collection_index(
                fresh,
                fresh.generation(generation),
                self._kinds,
                self._store,
                self._folders.of(key),
                self._settings,
                clock=self._clock,
                instance=self._instance,
            )
            self._open[key] = _Open(fresh.name, context, await context.__aenter__())

    def _surplus(self) -> IndexKey | None:
        """The least recently used index that nobody uses, while too many are open."""
        if len(self._open) <= self._settings.open_collections:
            return None
        return next((key for key in self._open if not self._pins.held(key)), None)

    async def _close_surplus(self) -> None:
        while (key := self._surplus()) is not None:
            async with self._lock(key[0]):
                if self._surplus() == key:
                    await self._close(key)

    async def _drop_now(self, key: CollectionKey) -> None:
        reach(FailPoint.COLLECTION_BEFORE_FILES)
        async with self._lock(key):
            for each, _ in self._of(key):
                await self._close(each)
            await asyncio.to_thread(remove_files, self._folders.of_collection(key))

    async def _drop_generation_now(self, key: IndexKey) -> None:
        async with self._lock(key[0]):
            if self._pins.held(key):
                return  # It goes at a later look.
            await self._close(key)
            for folder in self._folders.all_of(key):
                await asyncio.to_thread(remove_files, folder)

    async def _close_all(self) -> None:
        while self._background:
            await asyncio.wait(self._background)
        await self._critical.join()
        for key in list(self._open):
            await self._close(key)

    async def _close(self, key: IndexKey) -> None:
        opened = self._open.pop(key, None)
        if not self._of(key[0]):
            self._retiring.forget(key[0])
        if opened is not None:
            try:
                await opened.context.__aexit__(None, None, None)
            except Exception:
                logger.exception("the index of collection %d did not close cleanly", key[0])

    async def _open_by_name(self, key: CollectionKey, name: CollectionName) -> None:
        try:
            fresh = await self._store.collection(name)
            for generation in fresh.generations:
                if generation.state in OPENED:
                    async with self.pin(fresh, generation.number) as index:
                        index.nudge()
        except (CollectionNotFound, GenerationNotFound):
            return  # Deleted meanwhile: there is nothing to follow.
        except GenerationMismatch as error:
            logger.warning("the index of %s is not followed: %s", name, error)
        except CatalogUnavailable as error:
            logger.warning("the index of %s could not be opened: %s", name, error)
        except Exception:
            logger.exception("the index of %s could not be opened", name)
        finally:
            self._opening.discard(key)

    async def _sweep(self) -> None:
        """Files of collections that are gone: the process ended between the deletion and their removal."""
        folders = await asyncio.to_thread(self._folders.collections)
        if not folders:
            return
        async for collection in every_collection(self._store):
            folder = folders.pop(collection.key, None)
            if folder is not None:
                await self._sweep_generations(collection)
        for folder in folders.values():
            logger.info("removing the views of a collection that was deleted: %s", folder)
            await asyncio.to_thread(remove_files, folder)

    async def _sweep_generations(self, collection: CollectionRecord) -> None:
        """Files of generations that are gone."""
        known = {each.number for each in collection.generations}
        for number in await asyncio.to_thread(self._folders.generations, collection.key):
            if number not in known:
                await self._drop_generation_now((collection.key, number))

    async def _open_what_lags(self) -> None:
        """After a restart: follow what was written and not yet applied, before anyone asks."""
        async for collection in every_collection(self._store):
            followers = await self._store.followers(collection.key)
            ours = [
                followers.get(noted_as(view, generation.number, self._instance), NO_POSITION)
                for generation in collection.generations
                if generation.state in OPENED
                for view in VIEWS
            ]
            if min(ours, default=collection.head) < collection.head:
                await self._open_by_name(collection.key, collection.name)

    async def _retire_forever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.retire_seconds)
            for key, name in {key: opened.name for (key, _), opened in self._open.items()}.items():
                try:
                    await self._look_at_generations(key, name)
                    behind = [self._pins.behind(each, opened.index.durable) for each, opened in self._of(key)]
                    await self._retiring.retire(key, behind)
                except CatalogUnavailable as error:
                    logger.warning("superseded passages of collection %d wait for the catalog: %s", key, error)
                except Exception:
                    logger.exception("retiring superseded passages of collection %d failed", key)

    async def _look_at_generations(self, key: CollectionKey, name: CollectionName) -> None:
        """Open what has become ready, by whatever process, and forget what was deleted."""
        try:
            fresh = await self._store.collection(name)
        except CollectionNotFound:
            return
        if fresh.key != key:
            return
        known = {each.number for each in fresh.generations}
        for index_key, _ in self._of(key):
            if index_key[1] not in known:
                await self.drop_generation(*index_key)
        if any(each.state in OPENED and (key, each.number) not in self._open for each in fresh.generations):
            await self._open_by_name(key, name)

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _lock(self, key: CollectionKey) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())

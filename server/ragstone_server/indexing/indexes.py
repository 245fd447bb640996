"""The views of all collections: opened when used, closed when others are used more recently."""

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from ragstone_server.indexing.collection_index import VIEWS, CollectionIndex, IndexKinds, collection_index, remove_files
from ragstone_server.indexing.follower import noted_as
from ragstone_server.indexing.pins import Pins
from ragstone_server.indexing.settings import IndexingSettings
from ragstone_server.indexing.watcher import watching
from ragstone_server.spi.catalog_store import CatalogStore, CollectionHead, CollectionRecord, every_collection
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.critical import CriticalWork
from ragstone_server.spi.errors import CatalogUnavailable, CollectionNotFound
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.names import CollectionName
from ragstone_server.spi.positions import NO_POSITION, CollectionKey, Position

logger = logging.getLogger(__name__)

_FOLDER = re.compile(r"\d{8,}")


@dataclass(slots=True)
class _Open:
    context: AbstractAsyncContextManager[CollectionIndex]
    index: CollectionIndex
    retired: Position = NO_POSITION
    """What was superseded up to here was out of sight of every use at the last look, and of those that began since."""
    trimmed: Position = NO_POSITION
    """Up to here superseded passages and the log are gone."""


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
        self._directory = directory
        self._settings = settings
        self._clock = clock
        self._instance = instance
        self._looked: dict[CollectionKey, Position] = {}
        """How far the slowest view of any process was at the last look."""
        self._open: OrderedDict[CollectionKey, _Open] = OrderedDict()
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
    async def pin(self, collection: CollectionRecord) -> AsyncIterator[CollectionIndex]:
        """The collection's index, open as long as the context. Its generation is set: it has had a document.

        Raises `CollectionNotFound` where it was deleted meanwhile. Who is cancelled leaves no opening and no closing half done.
        """
        key = collection.key
        try:
            # Pinned before it is opened, so that nobody closes it in between.
            with self._pins.hold(key) as pin:
                while key not in self._open:
                    await self._critical.run(self._open_now(collection))
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

    async def drop(self, key: CollectionKey) -> None:
        """Close and forget the index of a collection that was deleted."""
        await self._critical.run(self._drop_now(key))

    def positions(self) -> dict[CollectionKey, dict[str, Position]]:
        """How far the views of the open collections are."""
        return {
            key: {name: follower.position for name, follower in opened.index.followers.items()}
            for key, opened in self._open.items()
        }

    def failures(self) -> dict[CollectionKey, dict[str, str]]:
        """Views that cannot follow or have to be rebuilt, with what is wrong."""
        return {
            key: troubles
            for key, opened in self._open.items()
            if (troubles := {name: f.trouble for name, f in opened.index.followers.items() if f.trouble})
        }

    def _moved(self, head: CollectionHead) -> None:
        """Another process may have written: follow, or open what there is room for; the rest opens with its first question."""
        if head.key in self._open or len(self._open) < self._settings.open_collections:
            self._nudge(head.key, head.name)

    def _nudge(self, key: CollectionKey, name: CollectionName) -> None:
        if not self._following:
            return
        opened = self._open.get(key)
        if opened is not None:
            opened.index.nudge()
        elif key not in self._opening:
            self._opening.add(key)
            self._begin(self._open_by_name(key, name), f"open-{key}")

    async def _open_now(self, collection: CollectionRecord) -> None:
        async with self._lock(collection.key):
            if collection.key in self._open:
                return
            # Read under the lock: a deletion that comes later drops what is opened here, and none came before.
            fresh = await self._store.collection(collection.name)
            if fresh.key != collection.key:
                raise CollectionNotFound(metadata={"collection": str(collection.name)})
            context = collection_index(
                fresh,
                self._kinds,
                self._store,
                self._path(fresh.key),
                self._settings,
                clock=self._clock,
                instance=self._instance,
            )
            self._open[fresh.key] = _Open(context, await context.__aenter__())

    def _surplus(self) -> CollectionKey | None:
        """The least recently used index that nobody uses, while too many are open."""
        if len(self._open) <= self._settings.open_collections:
            return None
        return next((key for key in self._open if not self._pins.held(key)), None)

    async def _close_surplus(self) -> None:
        while (key := self._surplus()) is not None:
            async with self._lock(key):
                if self._surplus() == key:
                    await self._close(key)

    async def _drop_now(self, key: CollectionKey) -> None:
        reach(FailPoint.COLLECTION_BEFORE_FILES)
        async with self._lock(key):
            await self._close(key)
            await asyncio.to_thread(remove_files, self._path(key))

    async def _close_all(self) -> None:
        while self._background:
            await asyncio.wait(self._background)
        await self._critical.join()
        for key in list(self._open):
            await self._close(key)

    async def _close(self, key: CollectionKey) -> None:
        opened = self._open.pop(key, None)
        if opened is not None:
            try:
                await opened.context.__aexit__(None, None, None)
            except Exception:
                logger.exception("the index of collection %d did not close cleanly", key)

    async def _open_by_name(self, key: CollectionKey, name: CollectionName) -> None:
        try:
            fresh = await self._store.collection(name)
            if fresh.generation is not None:
                async with self.pin(fresh) as index:
                    index.nudge()
        except CollectionNotFound:
            return  # Deleted meanwhile: there is nothing to follow.
        except CatalogUnavailable as error:
            logger.warning("the index of %s could not be opened: %s", name, error)
        except Exception:
            logger.exception("the index of %s could not be opened", name)
        finally:
            self._opening.discard(key)

    async def _sweep(self) -> None:
        """Files of collections that are gone: the process ended between the deletion and their removal."""
        folders = await asyncio.to_thread(_folders, self._directory)
        if not folders:
            return
        async for collection in every_collection(self._store):
            folders.pop(collection.key, None)
        for folder in folders.values():
            logger.info("removing the views of a collection that was deleted: %s", folder)
            await asyncio.to_thread(remove_files, folder)

    async def _open_what_lags(self) -> None:
        """After a restart: follow what was written and not yet applied, before anyone asks."""
        async for collection in every_collection(self._store):
            followers = await self._store.followers(collection.key)
            ours = [followers.get(noted_as(view, self._instance), NO_POSITION) for view in VIEWS]
            if collection.generation is not None and min(ours) < collection.head:
                await self._open_by_name(collection.key, collection.name)

    async def _retire_forever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.retire_seconds)
            for key, opened in list(self._open.items()):
                try:
                    await self._retire(key, opened)
                except CatalogUnavailable as error:
                    logger.warning("superseded passages of collection %d wait for the catalog: %s", key, error)
                except Exception:
                    logger.exception("retiring superseded passages of collection %d failed", key)

    async def _retire(self, key: CollectionKey, opened: _Open) -> None:
        """What was out of sight at the last look has left the hands of those who used it before, too."""
        upto, opened.retired = opened.retired, self._pins.behind(key, opened.index.durable)
        now = self._clock.now()
        await self._store.drop_followers(key, now - timedelta(hours=self._settings.follower_hours))
        followers = await self._store.followers(key)
        # Of the others, too, what was so at the last look: their queries that began before have ended since.
        slowest = min(followers.values(), default=upto)
        upto = min(upto, self._looked.get(key, NO_POSITION), slowest)
        self._looked[key] = slowest
        if upto > opened.trimmed:
            await self._store.retire(key, upto, upto, now)
            opened.trimmed = upto

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _lock(self, key: CollectionKey) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())

    def _path(self, key: CollectionKey) -> Path:
        return self._directory / f"{key:08d}"


def _folders(directory: Path) -> dict[CollectionKey, Path]:
    """The folders of collections; anything else that lies there is not ours."""
    if not directory.is_dir():
        return {}
    found = [path for path in directory.iterdir() if path.is_dir() and _FOLDER.fullmatch(path.name)]
    return {CollectionKey(int(path.name)): path for path in found}

"""A lexical view: applies, searches, and saves its position in the background."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from ragstone_plugins.tantivy.analysis import Analysis
from ragstone_plugins.tantivy.searching import Snapshot, search
from ragstone_plugins.tantivy.settings import TantivySettings
from ragstone_plugins.tantivy.store import Store
from ragstone_plugins.tantivy.verifying import damaged, inventory
from ragstone_server.spi.critical import CriticalWork
from ragstone_server.spi.host import Host
from ragstone_server.spi.positions import NO_POSITION, Position
from ragstone_server.spi.views import ChangeBatch, Hits, Inventory, LexicalQuery

logger = logging.getLogger(__name__)


class TantivyView:
    """Fits `spi.views.LexicalView`.

    `_snapshot` is replaced on the event loop only, so a search needs no lock; `_changing` is held by what replaces it.
    """

    def __init__(
        self, settings: TantivySettings, host: Host, analysis: Analysis, store: Store, snapshot: Snapshot
    ) -> None:
        self._settings = settings
        self._host = host
        self._analysis = analysis
        self._store = store
        self._snapshot = snapshot
        self._durable = snapshot.position
        self._changing = asyncio.Lock()
        self._critical = CriticalWork()
        self._changed = asyncio.Event()
        self._last_change = 0.0

    @property
    def position(self) -> Position:
        """All changes up to here are searchable."""
        return self._snapshot.position

    @property
    def durable(self) -> Position:
        """What the position file says."""
        return self._durable

    async def search(self, request: LexicalQuery, /) -> Hits:
        """BM25 as Tantivy has it (k1 = 1.2, b = 0.75), over what is allowed."""
        return await self._host.interactive.run(search, self._snapshot, self._analysis, request)

    async def count(self) -> int:
        """Passages that are not deleted."""
        return self._snapshot.searcher.num_docs

    async def inventory(self) -> Inventory:
        """Of the passages that are not deleted."""
        return await self._host.bulk.run(inventory, self._snapshot)

    async def check(self) -> tuple[str, ...]:
        """Read every file of the live segments; nothing is committed meanwhile."""
        async with self._changing:
            return await self._host.bulk.run(damaged, self._store.files)

    async def apply(self, batch: ChangeBatch, /) -> None:
        """Commit the batch and reload."""
        await self._critical.run(self._apply(batch))

    async def _apply(self, batch: ChangeBatch) -> None:
        async with self._changing:
            if batch.changes:
                self._snapshot = await self._host.bulk.run(self._store.apply, batch)
                self._last_change = self._host.clock.monotonic()
            else:
                self._snapshot = replace(self._snapshot, position=batch.position)
            self._changed.set()

    async def flush(self) -> None:
        """Write the position."""
        await self._critical.run(self._flush())

    async def _flush(self) -> None:
        async with self._changing:
            if self._durable != self._snapshot.position:
                self._snapshot = await self._host.bulk.run(self._store.save, self._snapshot)
                self._durable = self._snapshot.position

    async def reset(self) -> None:
        """Remove every passage and file."""
        await self._critical.run(self._reset())

    async def _reset(self) -> None:
        async with self._changing:
            self._snapshot = await self._host.bulk.run(self._store.clear)
            self._durable = NO_POSITION

    async def keep_house(self) -> None:
        """After changes, save the position and, when none come any more, close the writer; until cancelled."""
        while True:
            if self._store.writing:
                idle = self._last_change + self._settings.writer_idle_s - self._host.clock.monotonic()
                if idle <= 0:
                    await self._guarded(self._close_writer())
                    continue
                try:
                    async with asyncio.timeout(idle):
                        await self._changed.wait()
                except TimeoutError:
                    continue
            await self._changed.wait()
            await asyncio.sleep(self._settings.save_after_s)
            self._changed.clear()
            await self._guarded(self._flush())

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await self._critical.run(work)
        except Exception as error:  # noqa: BLE001  whatever it is, the changes are kept and saved later
            logger.warning("keeping a lexical view failed, it is tried again: %s", error)
            self._changed.set()
            await asyncio.sleep(self._settings.save_after_s)

    async def _close_writer(self) -> None:
        async with self._changing:
            self._snapshot = await self._host.bulk.run(self._store.close_writer, self._snapshot.position)

    async def close(self) -> None:
        """Wait for what is under way, save the position, let the writer go."""
        await self._critical.join()
        try:
            await self.flush()
        except Exception as error:  # noqa: BLE001  closing goes on: what was not saved is applied again
            logger.warning("the last saving failed, the changes after %d are applied again: %s", self._durable, error)
        try:
            await self._critical.run(self._close_writer())
        except Exception as error:  # noqa: BLE001  likewise: merges are done another time
            logger.warning("closing the writer of a lexical view failed: %s", error)

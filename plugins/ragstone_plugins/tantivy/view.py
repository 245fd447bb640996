"""A lexical view: applies, searches, and saves its position in the background."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

from ragstone_plugins.tantivy.analysis import Analysis
from ragstone_plugins.tantivy.checking import Broken
from ragstone_plugins.tantivy.searching import Snapshot, incomplete, search
from ragstone_plugins.tantivy.settings import TantivySettings
from ragstone_plugins.tantivy.store import Store
from ragstone_plugins.tantivy.verifying import damaged, inventory
from ragstone_server.spi.critical import CriticalWork
from ragstone_server.spi.host import Host
from ragstone_server.spi.pacing import Pace
from ragstone_server.spi.positions import NO_POSITION, DocumentKey, Position
from ragstone_server.spi.quarantine import Damage
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
        self._harm = asyncio.Event()
        self._pace = Pace(host.bulk, host.clock, settings.background_share)
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

    @property
    def lost(self) -> DocumentKey | None:
        """Documents after the last one that was given again since a segment was damaged."""
        return self._snapshot.lost

    @property
    def damage(self) -> str:
        """What was found last."""
        return self._store.damage

    async def harmed(self) -> None:
        """Wait for a segment that is given up."""
        await self._harm.wait()
        self._harm.clear()

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
            return tuple(map(str, await self._host.bulk.run(damaged, self._store.files)))

    async def apply(self, batch: ChangeBatch, /) -> None:
        """Commit the batch and reload."""
        await self._critical.run(self._apply(batch))

    async def _apply(self, batch: ChangeBatch) -> None:
        async with self._changing:
            if batch.changes:
                self._snapshot = await self._host.bulk.run(self._store.apply, batch, self._snapshot.lost)
                self._last_change = self._host.clock.monotonic()
            else:
                self._snapshot = replace(self._snapshot, position=batch.position)
            self._changed.set()

    async def repair(self, batch: ChangeBatch, after: DocumentKey, upto: DocumentKey | None, /) -> None:
        """Commit those of the documents that are not there, or not all of them."""
        await self._critical.run(self._repair(batch, after, upto))

    async def _repair(self, batch: ChangeBatch, after: DocumentKey, upto: DocumentKey | None) -> None:
        async with self._changing:
            snapshot = self._snapshot
            lost = upto if snapshot.lost is not None and after <= snapshot.lost else snapshot.lost
            changes = await self._host.bulk.run(incomplete, snapshot, batch.changes)
            if changes:
                missing = ChangeBatch(changes=changes, position=snapshot.position)
                self._snapshot = await self._host.bulk.run(self._store.apply, missing, lost)
                self._last_change = self._host.clock.monotonic()
            else:
                self._snapshot = replace(snapshot, lost=lost)
            self._changed.set()

    async def check_forever(self) -> None:
        """Read what opening did not, then everything now and then, until cancelled."""
        everything = False
        while True:
            try:
                if everything or not self._store.checked:
                    await self._check()
            except Exception as error:  # noqa: BLE001  whatever it is, the files are checked later
                logger.warning("checking the files of a lexical view failed: %s", error)
            everything = True
            await asyncio.sleep(self._settings.check_every_s)

    async def _check(self) -> None:
        found = await self._pace.run(self._store.checking())
        if found:
            await self._critical.run(self._give_up(found))
        await self._critical.run(self._check_own_files())

    async def _give_up(self, found: Sequence[Broken] | Damage) -> None:
        async with self._changing:
            self._snapshot = await self._host.bulk.run(self._store.give_up, self._snapshot, found)
            if self._store.saved_lost is not None:
                self._durable = self._snapshot.position  # What was written to say so is of this position.
        self._harm.set()

    async def _check_own_files(self) -> None:
        async with self._changing:
            await self._host.bulk.run(self._store.check_own_files, self._snapshot)

    async def flush(self) -> None:
        """Write the position."""
        await self._critical.run(self._flush())

    async def _flush(self) -> None:
        async with self._changing:
            if self._durable != self._snapshot.position or self._store.saved_lost != self._snapshot.lost:
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
            self._snapshot = await self._host.bulk.run(self._store.close_writer, self._snapshot)

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

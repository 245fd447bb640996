"""What goes on behind a shard with a share of the processor: merging segments, drawing lost sketches, finding damage."""

import asyncio
import logging
from dataclasses import replace

from ragstone_plugins.faiss.settings import FaissSettings
from ragstone_plugins.faiss.state import Segment
from ragstone_plugins.faiss.store import Store
from ragstone_plugins.faiss.view import FaissView
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.host import Host
from ragstone_server.spi.pacing import Pace
from ragstone_server.spi.quarantine import Damaged

logger = logging.getLogger(__name__)


class Keeper:
    """Works beside applying and searching, in steps of some milliseconds; none of them waits for it."""

    def __init__(self, view: FaissView, store: Store, settings: FaissSettings, host: Host) -> None:
        self._view = view
        self._store = store
        self._settings = settings
        self._pace = Pace(host.bulk, host.clock, settings.background_share)

    async def merge_when_due(self) -> None:
        """Keep the segments few, until cancelled."""
        while True:
            self._view.sealed.clear()
            try:
                while await self._merge() or await self._sketch():
                    pass
            except Exception as error:  # noqa: BLE001  whatever it is, the segments are merged later
                logger.warning("merging segments failed, it is tried again: %s", error)
                await asyncio.sleep(self._settings.seal_after_s)
                continue
            await self._view.sealed.wait()

    async def _merge(self) -> bool:
        """Merge the segments that are due; False where none is."""
        async with self._view.merging() as due:
            if not due:
                return False
            reach(FailPoint.VECTORS_BEFORE_COMPACTION)
            for segment in due:
                # A copy of damaged vectors would have a checksum that is right.
                if not await self._check(segment):
                    return True
            merged = await self._pace.run(self._store.merging(due))
            reach(FailPoint.VECTORS_AFTER_COMPACTION)
            if not await self._view.replace_by(merged) and merged.segment is not None:
                self._store.files.remove(merged.segment.file)
            return True

    async def _sketch(self) -> bool:
        """Draw one missing sketch; False where none is."""
        files = self._store.files
        lacking = next((segment for segment in self._view.state.segments if files.lacks_sketch(segment)), None)
        if lacking is None:
            return False
        if await self._check(lacking):
            await self._view.replace_segment(await self._pace.run(files.with_sketch(lacking)))
        return True

    async def check_forever(self) -> None:
        """Read what opening did not, then everything now and then, until cancelled."""
        everything = False
        while True:
            try:
                for segment in self._view.state.segments:
                    if (everything or not segment.checked) and await self._check(segment):
                        await self._check_sketch(segment)
                if everything:
                    await self._view.check_manifest()
            except Exception as error:  # noqa: BLE001  whatever it is, the files are checked later
                logger.warning("checking the files of the vector view in %s failed: %s", self._store.directory, error)
            everything = True
            await asyncio.sleep(self._settings.check_every_s)

    async def _check(self, segment: Segment) -> bool:
        try:
            await self._pace.run(self._store.files.check(segment))
        except Damaged as error:
            await self._view.give_up(segment.file, error.damage)
            return False
        return True

    async def _check_sketch(self, segment: Segment) -> None:
        try:
            await self._pace.run(self._store.files.check_sketch(segment))
        except Damaged as error:
            await self._view.give_up_sketch(replace(segment, sketch=None), error.damage)

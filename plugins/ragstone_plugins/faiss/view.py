"""One shard of a vector view: applies, searches, and seals in the background."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from ragstone_plugins.faiss.head import Head
from ragstone_plugins.faiss.settings import FaissSettings
from ragstone_plugins.faiss.state import (
    Merged,
    Segment,
    State,
    applied,
    repaired,
    search,
    with_merged,
    without_segment,
)
from ragstone_plugins.faiss.store import Opened, Store
from ragstone_plugins.faiss.verifying import damaged, inventory
from ragstone_server.spi.critical import CriticalWork
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.host import Host
from ragstone_server.spi.positions import NO_POSITION, DocumentKey, Position
from ragstone_server.spi.quarantine import Damage
from ragstone_server.spi.views import ChangeBatch, Hits, Inventory, VectorQuery

logger = logging.getLogger(__name__)

_MOST_UNSEALED = 4
"""Times `seal_rows` in memory at which applying waits for a sealing: what bounds memory, and where a full disk shows.

As many at most are merged while sealing; more are merged in the background.
"""


class FaissView:
    """Fits `spi.views.VectorView`.

    `_state` is immutable and replaced on the event loop only, so a search needs no lock. `_changing` is held by what
    replaces it after a wait, `_sealing` by who writes the manifest; who takes both takes `_sealing` first.
    """

    def __init__(
        self, settings: FaissSettings, host: Host, store: Store, opened: Opened, dimension: int, harm: asyncio.Event
    ) -> None:
        self._settings = settings
        self._host = host
        self._store = store
        self._state = opened.state
        self._durable = opened.state.position
        self._noted = opened.state.lost
        self._dimension = dimension
        self._head = Head(dimension)
        self._changing = asyncio.Lock()
        self._sealing = asyncio.Lock()
        self._critical = CriticalWork()
        self._changed = asyncio.Event()
        self._grown = asyncio.Event()
        self._harm = harm
        self.sealed = asyncio.Event()
        """Set when segments have come or gone."""
        self._busy: frozenset[str] = frozenset()
        """Segments that are being merged in the background."""
        self.damage = str(opened.damages[-1]) if opened.damages else ""

    @property
    def state(self) -> State:
        """What is searched."""
        return self._state

    @property
    def position(self) -> Position:
        """All changes up to here are searchable."""
        return self._state.position

    @property
    def durable(self) -> Position:
        """Position of the manifest."""
        return self._durable

    @property
    def lost(self) -> DocumentKey | None:
        """Documents of damaged segments."""
        return self._state.lost.after

    async def harmed(self) -> None:
        """Wait for a segment that is given up."""
        await self._harm.wait()
        self._harm.clear()

    async def search(self, request: VectorQuery, /) -> Hits:
        """Scan all that is allowed: exact at every share of rows that pass."""
        return await self._host.interactive.run(search, self._state, request)

    async def count(self) -> int:
        """Rows that are not deleted."""
        return sum(part.living for part in self._state.parts)

    async def inventory(self) -> Inventory:
        """Of the rows that are not deleted."""
        return await self._host.bulk.run(inventory, self._state)

    async def check(self) -> tuple[str, ...]:
        """Read every segment file and sketch."""
        found = await self._host.bulk.run(damaged, self._store.files, self._state)
        live = {segment.file for segment in self._state.segments}
        return tuple(str(damage) for file, damage in found if file in live)  # Others were merged away meanwhile.

    async def apply(self, batch: ChangeBatch, /) -> None:
        """Put the changes into the head; the former rows of their documents are deleted."""
        await self._have_room()
        await self._critical.run(self._apply(batch))

    async def _have_room(self) -> None:
        if self._state.unsealed_rows >= _MOST_UNSEALED * self._settings.seal_rows:
            await self.flush()

    async def _apply(self, batch: ChangeBatch) -> None:
        async with self._changing:
            self._state = await self._host.bulk.run(applied, self._state, self._head, batch)
        self._note_change()

    def _note_change(self) -> None:
        self._changed.set()
        if self._state.unsealed_rows >= self._settings.seal_rows:
            self._grown.set()

    async def repair(self, batch: ChangeBatch, after: DocumentKey, upto: DocumentKey | None, /) -> None:
        """Put those of the documents that are lost into the head."""
        await self._have_room()
        await self._critical.run(self._repair(batch, after, upto))

    async def _repair(self, batch: ChangeBatch, after: DocumentKey, upto: DocumentKey | None) -> None:
        async with self._changing:
            self._state = await self._host.bulk.run(repaired, self._state, self._head, batch, after, upto)
        self._note_change()

    async def flush(self) -> None:
        """Seal now."""
        await self._critical.run(self._seal())

    async def replace_by(self, merged: Merged) -> bool:
        """Have a merged segment in place of its sources, in the manifest too; False where these are no longer what they were."""
        return await self._critical.run(self._seal(merged))

    async def _seal(self, merged: Merged = Merged(), *, anyway: bool = False) -> bool:  # noqa: B008 - it is immutable
        async with self._sealing:
            async with self._changing:
                if not merged.dropped <= {segment.file for segment in self._state.segments}:
                    return False
                changed = self._durable != self._state.position or self._noted is not self._state.lost
                if not (changed or self._state.unsealed or merged.dropped or anyway):
                    return True
                # From here on a new head takes what is applied, beside the one that is written.
                self._state = state = replace(self._state, frozen=self._state.unsealed, head=None)
                self._head = Head(self._dimension)
            most_rows = _MOST_UNSEALED * self._settings.seal_rows
            sealed = await self._host.bulk.run(self._store.seal, state, merged, self._busy - merged.dropped, most_rows)
            async with self._changing:
                self._state = replace(with_merged(with_merged(self._state, merged), sealed), frozen=())
            self._durable, self._noted = state.position, state.lost
        self.sealed.set()
        return True

    async def replace_segment(self, segment: Segment) -> None:
        """Have a segment with another sketch in place of the one of its name, in the manifest too."""
        async with self._changing:
            self._state = replace(
                self._state,
                segments=tuple(
                    replace(segment, part=replace(each.part, sketch=segment.part.sketch))
                    if each.file == segment.file
                    else each
                    for each in self._state.segments
                ),
            )
        await self._critical.run(self._seal(anyway=True))

    async def give_up(self, file: str, damage: Damage) -> None:
        """Do without a damaged segment, and have its documents given again."""
        await self._critical.run(self._give_up(file, damage))

    async def _give_up(self, file: str, damage: Damage) -> None:
        async with self._sealing, self._changing:
            gone = [segment for segment in self._state.segments if segment.file == file]
            if not gone:
                return  # It was merged away meanwhile.
            self._state = without_segment(self._state, gone[0])
        self._report(damage)
        self._harm.set()
        reach(FailPoint.VIEW_BEFORE_QUARANTINE)
        # With all that is in memory, so that the manifest is of one instant. Until then it names the file, which is found again.
        await self._seal(anyway=True)
        await self._host.bulk.run(self._store.put_aside, file, damage)

    def _report(self, damage: Damage) -> None:
        self.damage = str(damage)
        logger.error("a file of the vector view in %s is damaged: %s", self._store.directory, damage)

    async def give_up_sketch(self, segment: Segment, damage: Damage) -> None:
        """Have the file of a sketch drawn anew; the sketch in memory serves until then. `segment` says that it has none."""
        self._report(damage)
        await self._host.bulk.run(self._store.put_aside, str(Path(segment.file).with_suffix(".sketch")), damage)
        await self.replace_segment(segment)

    async def check_manifest(self) -> None:
        """Write the manifest anew where its file is damaged."""
        async with self._sealing:
            damage = await self._host.bulk.run(self._store.check_manifest)
        if damage is not None:
            self._report(damage)
            await self._critical.run(self._seal(anyway=True))

    @asynccontextmanager
    async def merging(self) -> AsyncIterator[list[Segment]]:
        """The segments that are to be merged; as long as the context, sealing leaves them alone."""
        async with self._sealing:
            due = self._store.due(self._state)
            self._busy = frozenset(segment.file for segment in due)
        try:
            yield due
        finally:
            self._busy = frozenset()

    async def reset(self) -> None:
        """Remove every row and file."""
        await self._critical.run(self._reset())

    async def _reset(self) -> None:
        async with self._sealing, self._changing:
            await self._host.bulk.run(self._store.clear)
            self._state = State()
            self._head = Head(self._dimension)
            self._durable, self._noted = NO_POSITION, self._state.lost

    async def seal_when_due(self) -> None:
        """Seal whenever the head has grown enough or is old enough, until cancelled."""
        while True:
            await self._changed.wait()
            try:
                async with asyncio.timeout(self._settings.seal_after_s):
                    await self._grown.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            self._grown.clear()
            try:
                await self.flush()
            except Exception as error:  # noqa: BLE001  whatever it is, the head is kept and sealed later
                logger.warning("sealing failed, it is tried again: %s", error)
                self._changed.set()
                await asyncio.sleep(self._settings.seal_after_s)

    async def close(self) -> None:
        """Wait for what is under way, then seal the rest."""
        await self._critical.join()
        try:
            await self.flush()
        except Exception as error:  # noqa: BLE001  closing goes on: what was not written is applied again
            logger.warning("the last sealing failed, the changes after %d are applied again: %s", self._durable, error)

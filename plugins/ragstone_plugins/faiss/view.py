"""A vector view: applies, searches, and seals in the background."""

import asyncio
import logging
from dataclasses import replace

from ragstone_plugins.faiss.head import Head
from ragstone_plugins.faiss.part import Part
from ragstone_plugins.faiss.settings import FaissSettings
from ragstone_plugins.faiss.state import Segment, State, applied, search
from ragstone_plugins.faiss.store import Sealed, Store
from ragstone_plugins.faiss.verifying import damaged, inventory
from ragstone_server.spi.critical import CriticalWork
from ragstone_server.spi.host import Host
from ragstone_server.spi.positions import NO_POSITION, Position
from ragstone_server.spi.views import ChangeBatch, Hits, Inventory, VectorQuery

logger = logging.getLogger(__name__)

_MOST_UNSEALED = 4
"""Times `seal_rows` in memory at which applying waits for a sealing: what bounds memory, and where a full disk shows."""


class FaissView:
    """Fits `spi.views.VectorView`.

    `_state` is immutable and replaced on the event loop only, so a search needs no lock. `_changing` is held by what
    replaces it after a wait, `_sealing` by who writes files; who takes both takes `_sealing` first.
    """

    def __init__(self, settings: FaissSettings, host: Host, store: Store, state: State, dimension: int) -> None:
        self._settings = settings
        self._host = host
        self._store = store
        self._state = state
        self._durable = state.position
        self._dimension = dimension
        self._head = Head(dimension)
        self._changing = asyncio.Lock()
        self._sealing = asyncio.Lock()
        self._critical = CriticalWork()
        self._changed = asyncio.Event()
        self._grown = asyncio.Event()

    @property
    def position(self) -> Position:
        """All changes up to here are searchable."""
        return self._state.position

    @property
    def durable(self) -> Position:
        """Position of the manifest."""
        return self._durable

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
        """Read every segment file; nothing is sealed meanwhile."""
        async with self._sealing:
            return await self._host.bulk.run(damaged, self._store.directory, self._state)

    async def apply(self, batch: ChangeBatch, /) -> None:
        """Put the changes into the head; the former rows of their documents are deleted."""
        if self._state.unsealed_rows >= _MOST_UNSEALED * self._settings.seal_rows:
            await self.flush()
        await self._critical.run(self._apply(batch))

    async def _apply(self, batch: ChangeBatch) -> None:
        async with self._changing:
            self._state = await self._host.bulk.run(applied, self._state, self._head, batch)
        self._changed.set()
        if self._state.unsealed_rows >= self._settings.seal_rows:
            self._grown.set()

    async def flush(self) -> None:
        """Seal now."""
        await self._critical.run(self._seal())

    async def _seal(self) -> None:
        async with self._sealing:
            async with self._changing:
                if self._durable == self._state.position and not self._state.unsealed:
                    return
                # From here on a new head takes what is applied, beside the one that is written.
                self._state = state = replace(self._state, frozen=self._state.unsealed, head=None)
                self._head = Head(self._dimension)
            sealed = await self._host.bulk.run(self._store.seal, state)
            async with self._changing:
                self._state = _with_segment(self._state, sealed)
            self._durable = state.position

    async def reset(self) -> None:
        """Remove every row and file."""
        await self._critical.run(self._reset())

    async def _reset(self) -> None:
        async with self._sealing, self._changing:
            await self._host.bulk.run(self._store.clear)
            self._state = State()
            self._head = Head(self._dimension)
            self._durable = NO_POSITION

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


def _with_segment(state: State, sealed: Sealed) -> State:
    """The state with the new segment in place of its sources; what was deleted meanwhile stays deleted."""
    kept = tuple(segment for segment in state.segments if segment.file not in sealed.dropped)
    if sealed.merge is None or sealed.segment is None:
        return replace(state, segments=kept, frozen=())
    now: dict[int, Part] = {id(part.columns): part for part in state.parts}
    alive = sealed.merge.alive([now[id(source.columns)] for source in sealed.merge.sources])
    fresh: Segment = replace(sealed.segment, part=replace(sealed.segment.part, alive=alive))
    return replace(state, segments=(*kept, fresh), frozen=())

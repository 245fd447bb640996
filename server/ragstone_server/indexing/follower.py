"""One view in step with one collection's change log."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from ragstone_server.indexing.settings import IndexingSettings
from ragstone_server.spi.catalog_store import CatalogStore, LogTrimmed
from ragstone_server.spi.change_batches import gone
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import CatalogUnavailable
from ragstone_server.spi.generations import FIRST, GenerationNumber
from ragstone_server.spi.positions import NO_POSITION, CollectionKey, DocumentKey, Position
from ragstone_server.spi.views import ChangeBatch, DocumentChange, View

logger = logging.getLogger(__name__)

_MENDED_AT_ONCE = 20
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0
CLOSED = "closed"


class Follower:
    """Reads the log after the view's position, applies it, waits to be nudged, and starts again."""

    def __init__(
        self,
        name: str,
        view: View,
        store: CatalogStore,
        collection: CollectionKey,
        generation: GenerationNumber,
        settings: IndexingSettings,
        *,
        texts: bool,
        vectors: str | None,
        clock: Clock,
        instance: str = "",
        had: Position = NO_POSITION,
        head: Position = NO_POSITION,
    ) -> None:
        """`texts` and `vectors` (the embedder's fingerprint) say what the view needs of a passage.

        `instance` tells the views of several processes apart. `had` is how far the view was on disk when it was last seen:
        one that is behind that has lost something. `head` is how far the catalog was when the view was opened.
        """
        self.name = name
        self._noted_as = noted_as(name, generation, instance)
        self._clock = clock
        self.failure: str | None = None
        """Why it does not follow at present."""
        self._view = view
        self._store = store
        self._collection = collection
        self._generation = generation
        self._settings = settings
        self._texts = texts
        self._vectors = vectors
        self._had = had
        self._head = head
        # One that is known to be as far needs no note to begin with; a question to a cold collection would wait for the disk.
        self._noted = had if had and had == view.durable else Position(-1)
        self._noted_at = clock.monotonic() if self._noted == had else 0.0
        self._resetting = False
        self._wanted = False
        self._mending: set[DocumentKey] = set()
        self._nudged = asyncio.Event()
        self._urgent = asyncio.Event()
        self._moved = asyncio.Condition()

    @property
    def position(self) -> Position:
        """All changes up to here are searchable."""
        return self._view.position

    @property
    def durable(self) -> Position:
        """All changes up to here survive a crash of the view."""
        return self._view.durable

    @property
    def rebuilding(self) -> bool:
        """Whether what was searchable once is not searchable at present."""
        return self._resetting or self._view.lost is not None or self._view.position < self._had

    @property
    def incomplete(self) -> bool:
        """Whether something is not searchable yet that was written before the view was opened."""
        return self._view.position < self._head

    async def settle(self) -> None:
        """Return when the view is complete, or cannot follow at present."""
        await self.wait_for(self._head)

    @property
    def trouble(self) -> str:
        """What is wrong with the view, for operators; empty: nothing."""
        if self.failure:
            return self.failure
        return f"is being rebuilt from the catalog: {self._view.damage or 'it was lost'}" if self.rebuilding else ""

    def nudge(self) -> None:
        """Say that the log has grown."""
        self._nudged.set()

    async def wait_for(self, position: Position) -> None:
        """Return when the view has passed the position, or cannot follow at present; follow at once, not at the next refresh."""
        async with self._moved:
            while self._view.position < position and self.failure is None:
                self._urgent.set()
                self._nudged.set()
                await self._moved.wait()

    async def rebuild(self) -> bool:
        """Fill the view anew from the catalog, without embedding anything; whether that is done, else see `failure`."""
        self._wanted, self.failure = True, None
        async with self._moved:
            while self._wanted and self.failure is None:
                self._urgent.set()
                self._nudged.set()
                await self._moved.wait()
            return not self._wanted

    async def mend(self, documents: Iterable[DocumentKey]) -> bool:
        """Give the view the present state of these documents, embedding nothing; whether that is done, else see `failure`."""
        self._mending |= set(documents)
        self.failure = None
        async with self._moved:
            while self._mending and self.failure is None:
                self._urgent.set()
                self._nudged.set()
                await self._moved.wait()
            return not self._mending

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Follower"]:
        """Follow until the context is left; an application that was begun is completed."""
        task = asyncio.create_task(self._run(), name=f"follower-{self.name}-{self._collection}")
        minding = asyncio.create_task(self._mind_harm(), name=f"harm-{self.name}-{self._collection}")
        try:
            yield self
        finally:
            task.cancel()
            minding.cancel()
            await asyncio.gather(task, minding, return_exceptions=True)
            # Nobody follows any more; who still waits would wait forever.
            self.failure = CLOSED
            await self._announce()
            try:
                await self._note_durable()
            except CatalogUnavailable as error:
                logger.warning(
                    "how far view %s of collection %d is, is not noted: %s", self.name, self._collection, error
                )

    async def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            try:
                self._nudged.clear()
                self._urgent.clear()
                await self._catch_up()
                self.failure, pause = None, FIRST_PAUSE_S
            except Exception as error:
                self.failure = f"{type(error).__name__}: {error}"
                # Why the catalog is away is told where it is noticed.
                away = isinstance(error, CatalogUnavailable)
                logger.error(
                    "view %s of collection %d cannot follow: %s", self.name, self._collection, error, exc_info=not away
                )
                await self._announce()
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE_S, pause * 2)
                continue
            await self._rest()

    async def _mind_harm(self) -> None:
        """Have what a damaged file took repaired at once."""
        while True:
            await self._view.harmed()
            self._urgent.set()
            self._nudged.set()

    async def _rest(self) -> None:
        """Wait for a nudge, then let more changes gather, unless someone waits for them."""
        await _wait(self._nudged, self._settings.heartbeat_seconds)
        await _wait(self._urgent, self._settings.refresh_seconds)

    async def _catch_up(self) -> None:
        if self._wanted:
            await self._rebuild()
            self._wanted = False
            await self._announce()
        if self._mending:
            await self._mend()
            await self._announce()
        while True:
            try:
                batch = await self._store.changes(
                    self._collection,
                    self._generation,
                    self._view.position,
                    self._settings.batch_documents,
                    texts=self._texts,
                    vectors=self._vectors,
                )
            except LogTrimmed:
                await self._rebuild()
                continue
            if batch.position != self._view.position:
                await self._view.apply(batch)
                await self._announce()
            elif self._view.lost is None:
                break
            await self._repair()
        stale = self._clock.monotonic() - self._noted_at >= self._settings.heartbeat_seconds
        if self._view.durable != self._noted or stale:
            await self._note_durable()

    async def _repair(self) -> None:
        """Give the view some of what it lost, between two looks at the log; the embedder is not asked for anything."""
        after = self._view.lost
        if after is None:
            return
        batch, upto = await self._store.snapshot(
            self._collection,
            self._generation,
            after,
            self._settings.batch_documents,
            texts=self._texts,
            vectors=self._vectors,
        )
        await self._view.repair(batch, after, upto)
        if self._view.lost is None:
            logger.warning("view %s of collection %d has again what it had lost", self.name, self._collection)

    async def _mend(self) -> None:
        """What is given may be newer than the view's position: the log then says the same again."""
        while self._mending:
            documents = sorted(self._mending)[:_MENDED_AT_ONCE]
            changes = tuple([await self._present(document) for document in documents])
            await self._view.apply(ChangeBatch(changes=changes, position=self._view.position))
            self._mending.difference_update(documents)

    async def _present(self, document: DocumentKey) -> DocumentChange:
        batch, _ = await self._store.snapshot(
            self._collection, self._generation, DocumentKey(document - 1), 1, texts=self._texts, vectors=self._vectors
        )
        return next((change for change in batch.changes if change.document == document), gone(document))

    async def _rebuild(self) -> None:
        """Fill the view from the catalog's present state; the embedder is not asked for anything."""
        logger.warning("view %s of collection %d starts again from the catalog", self.name, self._collection)
        self._resetting = True
        await self._view.reset()
        after: DocumentKey | None = DocumentKey(0)
        begun: Position | None = None
        while after is not None:
            batch, after = await self._store.snapshot(
                self._collection,
                self._generation,
                after,
                self._settings.batch_documents,
                texts=self._texts,
                vectors=self._vectors,
            )
            begun = batch.position if begun is None else begun
            await self._view.apply(
                type(batch)(changes=batch.changes, position=Position(0) if after is not None else begun)
            )
        self._resetting = False
        await self._announce()

    async def _announce(self) -> None:
        async with self._moved:
            self._moved.notify_all()

    async def _note_durable(self) -> None:
        durable = self._view.durable
        if durable < self._had:
            return  # What is noted tells the next opening, too, that something is missing.
        await self._store.put_follower(self._collection, self._noted_as, durable, self._clock.now())
        self._noted, self._noted_at = durable, self._clock.monotonic()


def view_name(view: str, generation: GenerationNumber) -> str:
    """What a view of a collection is called, among those of all its generations."""
    return view if generation == FIRST else f"{view}/{generation}"


def noted_as(view: str, generation: GenerationNumber, instance: str) -> str:
    """Under which name a view's position is noted."""
    name = view_name(view, generation)
    return f"{name}@{instance}" if instance else name


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass

"""Indexes over stages in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ragstone_server.indexing.collection_index import IndexKinds
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.indexing.settings import IndexingSettings
from ragstone_server.spi.catalog_store import CollectionRecord, Generation, GenerationRecord, GenerationState
from ragstone_server.spi.generation_stages import GenerationStages
from ragstone_server.spi.vector_index import VectorIndex
from ragstone_server.testing.conformance.catalog_samples import NOW, SETTINGS, name, put
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from ragstone_server.testing.memory.chunker import MemoryChunker
from ragstone_server.testing.memory.clock import ManualClock
from ragstone_server.testing.memory.embedder import MemoryEmbedder
from ragstone_server.testing.memory.generations import MemoryGenerations
from ragstone_server.testing.memory.views import MemoryLexicalIndex, MemoryVectorIndex

GENERATION = Generation(embedder="sample-embedder", chunker="c")


class Opened(MemoryGenerations):
    """Fits `GenerationOpener`: the same stages, whatever made the generation."""

    def __init__(self) -> None:
        super().__init__(MemoryEmbedder(dimension=8), MemoryChunker())

    async def of(self, record: GenerationRecord, /) -> GenerationStages:
        """Any."""
        return self.configured


@dataclass
class Shelf:
    """A catalog, and the folder of its views."""

    store: MemoryCatalogStore
    folder: Path
    vector: VectorIndex = field(default_factory=MemoryVectorIndex)

    async def collection(self, label: str) -> CollectionRecord:
        """A collection with one document."""
        made = await self.store.create_collection(name(label), SETTINGS, NOW)
        async with self.store.transaction(made.key) as transaction:
            await transaction.add_generation(GENERATION, None, GenerationState.LIVE, NOW)
        await put(self.store, made.key, "a", f"text of {label}")
        return await self.store.collection(made.name)

    @asynccontextmanager
    async def open(
        self, instance: str = "", *, following: bool = True, clock: ManualClock | None = None, **settings: float
    ) -> AsyncIterator[Indexes]:
        """Indexes that run as long as the context."""
        kinds = IndexKinds(vector=self.vector, lexical=MemoryLexicalIndex(), generations=Opened())
        quick = {"refresh_seconds": 0.01, "heartbeat_seconds": 0.01, "retire_seconds": 3600, **settings}
        indexes = Indexes(
            kinds,
            self.store,
            self.folder / instance,
            IndexingSettings(**quick),  # type: ignore[arg-type]
            clock or ManualClock(),
            instance,
            following=following,
        )
        async with indexes.running():
            # Nothing lags behind yet: what is made from here on is opened by those who use it alone.
            await until(lambda: not any(task.get_name() == "open-lagging" for task in asyncio.all_tasks()))
            yield indexes


async def until(condition: object) -> None:
    """Wait until a condition holds."""
    assert callable(condition)
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)

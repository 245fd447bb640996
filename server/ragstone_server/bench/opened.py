"""The index of a data directory, opened in this process as the server would."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ragstone_server.app.data_directory import instance_of
from ragstone_server.app.stages import open_generations
from ragstone_server.bench.parts import parts
from ragstone_server.indexing.collection_index import CollectionIndex, IndexKinds
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord
from ragstone_server.spi.context import Caller, RequestContext
from ragstone_server.spi.embedder import Embedder, EmbedRequest, Purpose
from ragstone_server.spi.kinds import CATALOG, EMBEDDER, LEXICAL_INDEX, VECTOR_INDEX
from ragstone_server.spi.names import CollectionName
from ragstone_server.spi.visibility import Visibility

LIMIT: Final = 100
"""Passages that a view is asked for, as the server does."""
EVERYTHING: Final = Visibility(principals=frozenset(), default_readable=True, filter=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a question passes through."""

    index: CollectionIndex
    embedder: Embedder
    store: CatalogStore
    collection: CollectionRecord

    @property
    def context(self) -> RequestContext:
        """Of somebody who may read everything."""
        caller = Caller(principal="user:bench")
        return RequestContext(request_id="bench", caller=caller, collection=self.collection.name)

    async def embed(self, question: str) -> NDArray[np.float32]:
        """(dimension,)"""
        vectors = await self.embedder(EmbedRequest(texts=(question,), purpose=Purpose.QUESTION))
        return vectors.reshape(-1)


@asynccontextmanager
async def opened_index(data_dir: Path, name: CollectionName) -> AsyncIterator[Opened]:
    """Of a collection whose views are as far as its catalog when the context is entered. No server runs on `data_dir`."""
    async with parts(data_dir) as opened:
        registry, clock = opened.registry, opened.host.clock
        store, embedder = await registry.open(CATALOG), await registry.open(EMBEDDER)
        kinds = IndexKinds(
            vector=await registry.open(VECTOR_INDEX),
            lexical=await registry.open(LEXICAL_INDEX),
            generations=await open_generations(registry, opened.configuration),
        )
        settings, views = opened.configuration.indexing, data_dir / "views"
        collection = await store.collection(name)
        async with (
            Indexes(kinds, store, views, settings, clock, instance_of(data_dir)).running() as indexes,
            indexes.pin(collection) as index,
        ):
            await index.wait_for(collection.head)
            yield Opened(index=index, embedder=embedder, store=store, collection=collection)

"""A data directory whose catalog has a corpus: written in this process, by the server's pipeline, with vectors that are known."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ragstone_server.app.generations import Generations
from ragstone_server.app.stages import open_generations
from ragstone_server.bench.parts import parts
from ragstone_server.bench.vectors import Progress
from ragstone_server.catalog.catalog import Catalog
from ragstone_server.indexing.collection_index import IndexKinds
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.pipelines.cutting import Cutter
from ragstone_server.pipelines.ingest import IngestDocument, IngestStages, Upload
from ragstone_server.spi.catalog_store import CollectionSettings, DefaultReaders, VersionScheme
from ragstone_server.spi.embedder import Embedder, EmbedRequest
from ragstone_server.spi.kinds import CATALOG, EMBEDDER, LEXICAL_INDEX, VECTOR_INDEX
from ragstone_server.spi.metadata import Metadata
from ragstone_server.spi.names import CollectionName, DocumentId, DocumentName
from ragstone_server.spi.parser import ParsedDocument, ParseRequest
from ragstone_server.spi.tokenizer import Tokenizer

TOGETHER: Final = 512
"""Documents that are on their way at once; those that wait for a transaction share it."""
SETTINGS: Final = CollectionSettings(
    description="benchmark", default_readers=DefaultReaders.TENANT, version_scheme=VersionScheme.NUMBER
)


class KnownVectors:
    """Fits `Embedder`: looks the vector of a passage up by its text, which stands below its title."""

    def __init__(self, embedder: Embedder, texts: Sequence[str], vectors: NDArray[np.float16]) -> None:
        self._embedder = embedder
        self._rows = {text: row for row, text in enumerate(texts)}
        self._vectors = vectors

    @property
    def dimension(self) -> int:
        """Of the vectors."""
        return self._embedder.dimension

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that count."""
        return self._embedder.max_tokens

    @property
    def tokenizer(self) -> Tokenizer:
        """How it cuts a text."""
        return self._embedder.tokenizer

    @property
    def fingerprint(self) -> str:
        """Of the embedder that made the vectors."""
        return self._embedder.fingerprint

    async def __call__(self, request: EmbedRequest, /) -> NDArray[np.float32]:
        """Their rows."""
        texts = [text.rpartition("\n")[2] for text in request.texts]
        if not self._rows.keys() >= set(texts):
            # A text of very many tokens was cut, and its pieces are none of the corpus.
            return await self._embedder(request)
        return self._vectors[[self._rows[text] for text in texts]].astype(np.float32)


async def fill(
    data_dir: Path,
    collection: CollectionName,
    texts: Sequence[str],
    vectors: NDArray[np.float16],
    metadata: Sequence[Metadata],
    progress: Progress = lambda done, of: None,
) -> None:
    """A document of one passage each, named by its number. `data_dir` is new, and no server runs on it."""
    async with parts(data_dir) as opened:
        registry, clock = opened.registry, opened.host.clock
        store = await registry.open(CATALOG)
        embedder = KnownVectors(await registry.open(EMBEDDER), texts, vectors)
        real = await open_generations(registry, opened.configuration)
        known = replace(real.configured, embedder=embedder)
        generations = Generations(registry, known, real.recipe, lambda each: each)
        kinds = IndexKinds(
            vector=await registry.open(VECTOR_INDEX),
            lexical=await registry.open(LEXICAL_INDEX),
            generations=generations,
        )
        stages = IngestStages(parser=_no_files, generations=generations)
        catalog = Catalog(store, clock)
        followed_later = Indexes(
            kinds, store, data_dir / "views", opened.configuration.indexing, clock, following=False
        )
        ingest = IngestDocument(
            catalog,
            followed_later,
            stages,
            Cutter(catalog, opened.configuration.ingest.embed_batch),
            opened.configuration.ingest,
            opened.host.bulk,
        )
        await store.create_collection(collection, SETTINGS, clock.now())

        async def write(number: int) -> None:
            prepared = await ingest.prepare(_upload(collection, number, texts[number], metadata[number]), None)
            await catalog.commit(prepared)

        for begin in range(0, len(texts), TOGETHER):
            end = min(begin + TOGETHER, len(texts))
            await asyncio.gather(*(write(number) for number in range(begin, end)))
            progress(end, len(texts))
        await catalog.drain()


async def _no_files(request: ParseRequest) -> ParsedDocument:
    raise AssertionError("a corpus has texts")


def _upload(collection: CollectionName, number: int, text: str, metadata: Metadata) -> Upload:
    return Upload(
        name=DocumentName(collection=collection, document=DocumentId(str(number))),
        content=text,
        version=1,
        title="",
        uri="",
        filename=None,
        mime_type=None,
        metadata=metadata,
        readers=None,
    )

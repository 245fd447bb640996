"""The pipelines over stages in memory."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragstone_server.catalog.catalog import Catalog
from ragstone_server.catalog.writes import WriteReceipt
from ragstone_server.indexing.collection_index import IndexKinds
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.indexing.settings import IndexingSettings
from ragstone_server.pipelines.cutting import Cutter
from ragstone_server.pipelines.events import QueryEvent
from ragstone_server.pipelines.generate import Generate
from ragstone_server.pipelines.grounded import GenerateGrounded
from ragstone_server.pipelines.grounding import CheckGrounding
from ragstone_server.pipelines.ingest import IngestDocument, IngestStages, Upload
from ragstone_server.pipelines.packing import Packer
from ragstone_server.pipelines.prompting import PromptRenderer
from ragstone_server.pipelines.query import AnswerQuestion, QueryRequest
from ragstone_server.pipelines.retrieve import Retrieval, Retrieve, RetrieveRequest, RetrieveStages
from ragstone_server.pipelines.retrievers import dense_retriever, lexical_retriever
from ragstone_server.pipelines.settings import (
    AnswerSettings,
    GroundingSettings,
    IngestSettings,
    PromptSettings,
    RetrievalSettings,
)
from ragstone_server.routing.allowance import Allowance
from ragstone_server.routing.breaker import Breaker
from ragstone_server.routing.deployment import Deployment
from ragstone_server.routing.route import Route, Routes
from ragstone_server.spi.catalog_store import CollectionSettings, DefaultReaders, VersionScheme
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.generation_stages import GenerationStages
from ragstone_server.spi.generator import AnswerFormat, Sampling
from ragstone_server.spi.metadata import MetadataValue
from ragstone_server.spi.names import DocumentId, DocumentName
from ragstone_server.testing.conformance.samples import CONTEXT
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from ragstone_server.testing.memory.chunker import MemoryChunker
from ragstone_server.testing.memory.clock import MemoryClock
from ragstone_server.testing.memory.context_filter import memory_context_filter
from ragstone_server.testing.memory.embedder import MemoryEmbedder
from ragstone_server.testing.memory.fuser import memory_fuser
from ragstone_server.testing.memory.generations import MemoryGenerations
from ragstone_server.testing.memory.generator import MemoryGenerator
from ragstone_server.testing.memory.grounding_check import memory_grounding_check
from ragstone_server.testing.memory.host import MemoryLane
from ragstone_server.testing.memory.parser import memory_parser
from ragstone_server.testing.memory.rewriter import memory_rewriter
from ragstone_server.testing.memory.router import memory_router
from ragstone_server.testing.memory.views import MemoryLexicalIndex, MemoryVectorIndex
from ragstone_server.wrappers.fallible import fallible

SETTINGS = CollectionSettings(
    description="", default_readers=DefaultReaders.TENANT, version_scheme=VersionScheme.NUMBER
)


@dataclass
class House:
    """Everything that answers. A test replaces a stage before it asks."""

    store: MemoryCatalogStore
    catalog: Catalog
    indexes: Indexes
    embedder: MemoryEmbedder
    ingest: IngestDocument
    clock: MemoryClock
    stages: dict[str, Any]
    generators: tuple[MemoryGenerator, ...]
    skip: bool = True
    retrieval: RetrievalSettings = field(default_factory=RetrievalSettings)
    answer: AnswerSettings = field(default_factory=AnswerSettings)
    lane: MemoryLane = field(default_factory=lambda: MemoryLane("interactive", 1))
    grounding: GroundingSettings = field(default_factory=GroundingSettings)
    generations: MemoryGenerations | None = None

    async def put(
        self,
        document: str,
        text: str | bytes,
        *,
        version: int | None = None,
        readers: frozenset[str] | None = None,
        **metadata: MetadataValue,
    ) -> WriteReceipt:
        """Store a document."""
        return await self.ingest(
            Upload(
                name=DocumentName(collection=CONTEXT.collection, document=DocumentId(document)),
                content=text,
                version=version,
                title="",
                uri="",
                filename=None,
                mime_type=None,
                metadata=metadata,
                readers=readers,
            )
        )

    def _governed(self, name: str) -> Any:
        return fallible(self.stages[name], name, skip=self.skip)

    def _retrieve(self) -> Retrieve:
        assert self.generations is not None
        stages = RetrieveStages(
            rewriter=self._governed("rewrite"),
            dense=self._governed("dense"),
            lexical=self._governed("lexical"),
            fuser=fallible(self.stages["fuse"], "fuse", skip=False),
            reranker=self._governed("rerank") if "rerank" in self.stages else None,
        )
        return Retrieve(self.catalog, self.indexes, stages, self.generations, self.retrieval, self.clock)

    async def ask(self, question: str, **options: Any) -> Retrieval:
        """Retrieve."""
        return await self._retrieve()(RetrieveRequest(**{"context": CONTEXT, "question": question, **options}))

    def _generate(self) -> GenerateGrounded:
        router = fallible(memory_router, "router", skip=True)
        generate = Generate(routes(*self.generators, clock=self.clock), router, self.clock, random.Random(1), self.lane)
        check = fallible(self.stages["grounding_check"], "grounding check", skip=False)
        return GenerateGrounded(generate, CheckGrounding(check, self.grounding.min_score), self.grounding)

    async def events(
        self,
        question: str,
        *,
        sampling: Sampling | None = None,
        answer_format: AnswerFormat | None = None,
        **options: Any,
    ) -> list[QueryEvent]:
        """Query."""
        pipeline = AnswerQuestion(
            self.catalog,
            self._retrieve(),
            self._governed("context_filter"),
            Packer(self.store, self.embedder.tokenizer, self.answer.neighbours),
            PromptRenderer(PromptSettings()),
            self._generate(),
            self.answer,
        )
        retrieve = RetrieveRequest(**{"context": CONTEXT, "question": question, **options})
        request = QueryRequest(
            retrieve=retrieve,
            context_tokens=None,
            max_output_tokens=None,
            sampling=sampling or Sampling(),
            format=answer_format,
        )
        return [event async for event in pipeline(request)]


def routes(*generators: MemoryGenerator, clock: Clock, **settings: Any) -> Routes:
    """One route of these generators; a generator whose model ends in `+` can continue."""
    deployments = tuple(
        Deployment(
            route="default",
            name=generator.model,
            model=generator.model,
            generator=generator,
            breaker=Breaker(clock, failures=3, seconds=30),
            allowance=Allowance(clock, None, None),
            prefill=generator.model.endswith("+"),
            writes_json=generator.writes_json,
            window=generator.window,
        )
        for generator in generators
    )
    return Routes({"default": Route(name="default", deployments=deployments, **settings)})


@asynccontextmanager
async def open_house(folder: Path, settings: IngestSettings | None = None) -> AsyncIterator[House]:
    """With the default collection, empty."""
    store, clock, embedder = MemoryCatalogStore(), MemoryClock(), MemoryEmbedder()
    await store.create_collection(CONTEXT.collection, SETTINGS, clock.now())
    catalog = Catalog(store, clock)
    generations = MemoryGenerations(embedder, MemoryChunker())
    kinds = IndexKinds(vector=MemoryVectorIndex(), lexical=MemoryLexicalIndex(), generations=generations)
    quick = IndexingSettings(refresh_seconds=0.01, heartbeat_seconds=0.05, retire_seconds=0.05)
    bulk = MemoryLane("bulk", 1)
    async with Indexes(kinds, store, folder / "views", quick, clock).running() as indexes:
        settings = settings or IngestSettings()
        stages = IngestStages(parser=memory_parser, generations=generations)
        yield House(
            store=store,
            catalog=catalog,
            indexes=indexes,
            embedder=embedder,
            ingest=IngestDocument(catalog, indexes, stages, Cutter(catalog, settings.embed_batch), settings, bulk),
            clock=clock,
            generations=generations,
            stages={
                "rewrite": memory_rewriter,
                "dense": dense_retriever,
                "lexical": lexical_retriever,
                "fuse": memory_fuser,
                "context_filter": memory_context_filter,
                "grounding_check": memory_grounding_check,
            },
            generators=(MemoryGenerator(),),
        )
    bulk.executor.shutdown()


def forget(house: House) -> None:
    """Have another embedder, also for what an embedder of before was chosen for."""
    assert house.generations is not None
    other = MemoryEmbedder(dimension=3)
    house.generations.know(house.generations.recipe, GenerationStages(embedder=other, chunker=MemoryChunker()))

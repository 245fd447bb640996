"""The evidence for a question: rewrite, search twice, fuse, one read of the catalog, rerank."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from ragstone_server.catalog.catalog import Catalog
from ragstone_server.catalog.watermark import Watermark
from ragstone_server.indexing.collection_index import CollectionIndex
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.indexing.together import together
from ragstone_server.observe.stage_times import StageTime, collected
from ragstone_server.pipelines.settings import RetrievalSettings
from ragstone_server.spi.catalog_store import CollectionRecord, DefaultReaders, StoredPassage
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.embedder import Embedder
from ragstone_server.spi.errors import DeadlineExceeded, StageFailed
from ragstone_server.spi.evidence import ScoredPassage
from ragstone_server.spi.filters import Filter
from ragstone_server.spi.fuser import DENSE, LEXICAL, FusedHit, FuseRequest
from ragstone_server.spi.generation_stages import GenerationOpener
from ragstone_server.spi.generations import GenerationNumber
from ragstone_server.spi.positions import DocumentKey, PassageKey, Position
from ragstone_server.spi.reranker import Ranked, RerankRequest
from ragstone_server.spi.rewriter import RewriteRequest, SearchText
from ragstone_server.spi.stages import Stage
from ragstone_server.spi.turns import Turn
from ragstone_server.spi.views import Hits
from ragstone_server.spi.visibility import Visibility
from ragstone_server.wrappers.fallible import Degradation, Outcome

ResultT = TypeVar("ResultT")

SETTLE_S = 1.0
"""How long a question waits for a view that was just opened and lacks something; a longer way is declared instead."""
FUSED = "fused"
RERANK = "rerank"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """One retriever's work: search a collection's view with a text."""

    context: RequestContext
    index: CollectionIndex
    embedder: Embedder
    """Of the index's generation."""
    text: str
    limit: int
    visibility: Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveStages:
    """The stages of retrieval, each as its policy governs it."""

    rewriter: Stage[RewriteRequest, Outcome[SearchText]]
    dense: Stage[SearchRequest, Outcome[Hits]]
    lexical: Stage[SearchRequest, Outcome[Hits]]
    fuser: Stage[FuseRequest, Outcome[tuple[FusedHit, ...]]]
    reranker: Stage[RerankRequest, Outcome[tuple[Ranked, ...]]] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveRequest:
    """A question to find evidence for."""

    context: RequestContext
    question: str
    turns: tuple[Turn, ...] = ()
    filter: Filter | None = None
    top_k: int | None = None
    """None: the configured number."""
    min_watermark: str = ""
    """A token; empty: no demand."""
    generation: GenerationNumber | None = None
    """Whose passages; None: of the live one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """The evidence, best first, and how it was found."""

    collection: CollectionRecord
    search_text: SearchText
    passages: tuple[ScoredPassage, ...]
    watermark: Watermark
    """Least position of the views that contributed."""
    degradations: tuple[Degradation, ...]
    times: tuple[StageTime, ...]


class Retrieve:
    """Finds what a caller may see and a question needs."""

    def __init__(
        self,
        catalog: Catalog,
        indexes: Indexes,
        stages: RetrieveStages,
        generations: GenerationOpener,
        settings: RetrievalSettings,
        clock: Clock,
    ) -> None:
        self._catalog = catalog
        self._indexes = indexes
        self._stages = stages
        self._generations = generations
        self._settings = settings
        self._clock = clock

    async def __call__(self, request: RetrieveRequest) -> Retrieval:
        """Raises `CollectionNotFound`, `GenerationMismatch`, `InvalidWatermark`, `DeadlineExceeded`, `StageFailed`."""
        collection = await self._catalog.collection(request.context.collection)
        answering = collection.live if request.generation is None else collection.generation(request.generation)
        # From here on everything is of one generation, whichever becomes live meanwhile.
        embedder = None if answering is None else (await self._generations.of(answering)).embedder
        demanded = self._catalog.position_of(collection, request.min_watermark) if request.min_watermark else None
        if answering is None or embedder is None:
            return self._nothing(collection, request)
        degradations: list[Degradation] = []
        with collected() as times:
            async with self._indexes.pin(collection, answering.number) as index:
                if demanded is not None:
                    degradations += await self._wait(index, demanded, request.context)
                await index.settle(SETTLE_S)
                search = _take(await self._stages.rewriter(_rewrite(request)), degradations)
                search = search or SearchText(dense=request.question, lexical=request.question)
                visibility = self._visibility(collection, request)
                degradations += _lacking(index)
                found, as_of = await self._search(index, embedder, search, visibility, request, degradations)
                fused = _take(await self._stages.fuser(found), degradations) or ()
                passages = await self._read(collection, fused, visibility, as_of, self._top_k(request))
            if self._stages.reranker is not None and passages:
                passages = await self._rerank(request.context, search.dense, passages, degradations)
                passages = await self._still_there(collection, passages, visibility, as_of)
        return Retrieval(
            collection=collection,
            search_text=search,
            passages=passages[: self._top_k(request)],
            watermark=self._catalog.watermark(collection, as_of),
            degradations=tuple(degradations),
            times=tuple(times),
        )

    async def _wait(self, index: CollectionIndex, demanded: Position, context: RequestContext) -> list[Degradation]:
        """Wait for the views that can follow; one that cannot is not waited for, and declared."""
        seconds = self._settings.watermark_wait_seconds
        if context.deadline is not None:
            seconds = context.deadline - self._clock.monotonic()
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await index.wait_for(demanded)
        except TimeoutError as error:
            raise DeadlineExceeded(
                "the index did not reach the demanded watermark in time", metadata={"stage": "watermark"}
            ) from error
        behind = [follower for follower in index.followers.values() if follower.position < demanded]
        return [Degradation(stage=f.name, reason="does not reach the demanded watermark at present") for f in behind]

    async def _search(
        self,
        index: CollectionIndex,
        embedder: Embedder,
        search: SearchText,
        visibility: Visibility,
        request: RetrieveRequest,
        degradations: list[Degradation],
    ) -> tuple[FuseRequest, Position]:
        """Both retrievers at once. Raises `StageFailed` where none of them answered, `DeadlineExceeded` where none had the time."""
        limit = max(self._settings.candidates, 2 * self._top_k(request))

        def asked(text: str) -> SearchRequest:
            return SearchRequest(
                context=request.context,
                index=index,
                embedder=embedder,
                text=text,
                limit=limit,
                visibility=visibility,
            )

        dense, lexical = await together(
            self._stages.dense(asked(search.dense)), self._stages.lexical(asked(search.lexical))
        )
        found = {DENSE: _take(dense, degradations), LEXICAL: _take(lexical, degradations)}
        answered = {name: hits for name, hits in found.items() if hits is not None}
        if not answered:
            deadline = request.context.deadline
            if deadline is not None and self._clock.monotonic() >= deadline:
                raise DeadlineExceeded(
                    "the retrievers did not answer in time", metadata={"stage": f"{DENSE},{LEXICAL}"}
                )
            raise StageFailed("neither retriever answered", metadata={"stage": f"{DENSE},{LEXICAL}"})
        fuse = FuseRequest(context=request.context, hits={name: hits.hits for name, hits in answered.items()})
        return fuse, min(hits.position for hits in answered.values())

    async def _read(
        self,
        collection: CollectionRecord,
        fused: tuple[FusedHit, ...],
        visibility: Visibility,
        as_of: Position,
        top_k: int,
    ) -> tuple[ScoredPassage, ...]:
        """Passages of the best hits that the catalog confirms; reads on while too many were dropped."""
        wanted = max(top_k, self._settings.rerank_candidates if self._stages.reranker else 0)
        passages: list[ScoredPassage] = []
        begin = 0
        while begin < len(fused) and len(passages) < wanted:
            batch = fused[begin : begin + wanted - len(passages)]
            begin += len(batch)
            stored = await self._catalog.read_passages(collection, [hit.key for hit in batch], visibility, as_of)
            passages = _newest([*passages, *_scored(batch, stored)])
        return tuple(passages)

    async def _rerank(
        self,
        context: RequestContext,
        question: str,
        passages: tuple[ScoredPassage, ...],
        degradations: list[Degradation],
    ) -> tuple[ScoredPassage, ...]:
        assert self._stages.reranker is not None
        asked = RerankRequest(context=context, question=question, passages=passages)
        ranking = _take(await self._stages.reranker(asked), degradations)
        if ranking is None:
            return passages
        return tuple(
            ScoredPassage(
                passage=passages[place.index].passage,
                score=place.score,
                scores={**passages[place.index].scores, RERANK: place.score},
            )
            for place in ranking
        )

    async def _still_there(
        self,
        collection: CollectionRecord,
        passages: tuple[ScoredPassage, ...],
        visibility: Visibility,
        as_of: Position,
    ) -> tuple[ScoredPassage, ...]:
        """Without what was deleted, or is no longer for this reader, since it was read: a reranker takes its time (P4, P9)."""
        keys = [each.passage.key for each in passages]
        stored = await self._catalog.read_passages(collection, keys, visibility, as_of)
        return tuple(each for each in passages if each.passage.key in stored)

    def _visibility(self, collection: CollectionRecord, request: RetrieveRequest) -> Visibility:
        return Visibility(
            principals=request.context.caller.principals,
            default_readable=collection.settings.default_readers is DefaultReaders.TENANT,
            filter=request.filter,
        )

    def _top_k(self, request: RetrieveRequest) -> int:
        return request.top_k or self._settings.default_top_k

    def _nothing(self, collection: CollectionRecord, request: RetrieveRequest) -> Retrieval:
        return Retrieval(
            collection=collection,
            search_text=SearchText(dense=request.question, lexical=request.question),
            passages=(),
            watermark=self._catalog.watermark(collection, collection.head),
            degradations=(),
            times=(),
        )


def _lacking(index: CollectionIndex) -> list[Degradation]:
    return [
        Degradation(
            stage=follower.name, reason=f"is being {'rebuilt' if follower.rebuilding else 'built'} and misses passages"
        )
        for follower in index.followers.values()
        if follower.rebuilding or follower.incomplete
    ]


def _take(outcome: Outcome[ResultT], degradations: list[Degradation]) -> ResultT | None:
    if outcome.degradation is not None:
        degradations.append(outcome.degradation)
    return outcome.result


def _rewrite(request: RetrieveRequest) -> RewriteRequest:
    return RewriteRequest(context=request.context, question=request.question, turns=request.turns)


def _newest(passages: list[ScoredPassage]) -> list[ScoredPassage]:
    """Where one view proposed a document's former content and another the new one, the new one alone."""
    newest: dict[DocumentKey, int] = {}
    for scored in passages:
        key = scored.passage.document_key
        newest[key] = max(newest.get(key, 0), scored.passage.version)
    return [scored for scored in passages if scored.passage.version == newest[scored.passage.document_key]]


def _scored(hits: tuple[FusedHit, ...], stored: Mapping[PassageKey, StoredPassage]) -> list[ScoredPassage]:
    return [
        ScoredPassage(passage=stored[hit.key].passage, score=hit.score, scores={**hit.scores, FUSED: hit.score})
        for hit in hits
        if hit.key in stored
    ]

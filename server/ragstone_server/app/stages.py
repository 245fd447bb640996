"""The pipelines' stages, opened and governed as the configuration says."""

from dataclasses import dataclass
from typing import TypeVar

from ragstone_server.app.configuration import Configuration
from ragstone_server.app.generations import Generations, choice_of
from ragstone_server.app.policies import SKIPPABLE
from ragstone_server.pipelines.retrieve import RetrieveStages
from ragstone_server.pipelines.retrievers import dense_retriever, lexical_retriever
from ragstone_server.registry.registry import Registry
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.context_filter import ContextFilterRequest, FilteredContext
from ragstone_server.spi.embedder import Embedder
from ragstone_server.spi.generation_stages import GenerationStages
from ragstone_server.spi.generations import Recipe
from ragstone_server.spi.grounding_check import GroundingRequest, Support
from ragstone_server.spi.kinds import (
    CHUNKER,
    CONTEXT_FILTER,
    EMBEDDER,
    FUSER,
    GROUNDING_CHECK,
    LEXICAL_INDEX,
    RERANKER,
    REWRITER,
    ROUTER,
    VECTOR_INDEX,
    Kind,
)
from ragstone_server.spi.router import RouteChoice, RouteRequest
from ragstone_server.spi.stages import Stage
from ragstone_server.wrappers.deadline import WithContext
from ragstone_server.wrappers.fallible import Outcome
from ragstone_server.wrappers.gathering import GatheringEmbedder
from ragstone_server.wrappers.governed import governed
from ragstone_server.wrappers.policy import FAIL, SKIP

RequestT = TypeVar("RequestT", bound=WithContext)
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Governor:
    """Gives each stage the concerns that its policy names."""

    configuration: Configuration
    registry: Registry
    clock: Clock

    async def govern(
        self, kind: Kind[Stage[RequestT, ResultT]], stage: Stage[RequestT, ResultT], name: str
    ) -> Stage[RequestT, Outcome[ResultT]]:
        """A stage of a kind whose providers can replace one another."""
        policy = self.configuration.policies[kind.name]
        on_failure = policy.on_failure or (SKIP if kind.name in SKIPPABLE else FAIL)
        replacement = None
        if on_failure not in (SKIP, FAIL):
            replacement = on_failure, await self.registry.open_other(kind, on_failure)
        return governed(stage, name, policy, self.clock, skip=on_failure == SKIP, replacement=replacement)

    def govern_search(self, kind: str, stage: Stage[RequestT, ResultT], name: str) -> Stage[RequestT, Outcome[ResultT]]:
        """A retriever: it can be skipped, and the other one answers alone."""
        policy = self.configuration.policies[kind]
        return governed(stage, name, policy, self.clock, skip=policy.on_failure != FAIL)


async def open_generations(registry: Registry, configuration: Configuration) -> Generations:
    """What makes passages and vectors, as the configuration selects it, and as generations of collections have it."""

    def shared(embedder: Embedder) -> Embedder:
        # One call more than threads, so that they have work while the documents of a call that ended make room for others.
        return GatheringEmbedder(embedder, configuration.ingest.embed_batch, configuration.server.bulk_threads + 1)

    return Generations(
        registry,
        GenerationStages(embedder=shared(await registry.open(EMBEDDER)), chunker=await registry.open(CHUNKER)),
        Recipe(
            embedder=choice_of(registry, EMBEDDER, configuration.selections[EMBEDDER.name]),
            chunker=choice_of(registry, CHUNKER, configuration.selections[CHUNKER.name]),
        ),
        shared,
    )


async def open_retrieve_stages(governor: Governor) -> RetrieveStages:
    """What a question passes until there is evidence."""
    registry = governor.registry
    reranker = await registry.open_optional(RERANKER)
    return RetrieveStages(
        rewriter=await governor.govern(REWRITER, await registry.open(REWRITER), "rewrite"),
        dense=governor.govern_search(VECTOR_INDEX.name, dense_retriever, "dense"),
        lexical=governor.govern_search(LEXICAL_INDEX.name, lexical_retriever, "lexical"),
        fuser=await governor.govern(FUSER, await registry.open(FUSER), "fuse"),
        reranker=None if reranker is None else await governor.govern(RERANKER, reranker, "rerank"),
    )


async def open_router(governor: Governor) -> Stage[RouteRequest, Outcome[RouteChoice]]:
    """What chooses the route of models."""
    return await governor.govern(ROUTER, await governor.registry.open(ROUTER), "router")


async def open_grounding_check(governor: Governor) -> Stage[GroundingRequest, Outcome[tuple[Support, ...]]]:
    """What judges whether passages support a text."""
    return await governor.govern(GROUNDING_CHECK, await governor.registry.open(GROUNDING_CHECK), "grounding_check")


async def open_context_filter(governor: Governor) -> Stage[ContextFilterRequest, Outcome[FilteredContext]]:
    """What takes passages out before they are packed."""
    return await governor.govern(CONTEXT_FILTER, await governor.registry.open(CONTEXT_FILTER), "context_filter")

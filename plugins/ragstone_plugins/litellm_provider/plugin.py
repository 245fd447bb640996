"""The entry point: offers the generator, the embedder, the reranker and the grounding check `litellm`."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from ragstone_plugins.litellm_provider.settings import (
    LitellmEmbedderSettings,
    LitellmGeneratorSettings,
    LitellmRerankerSettings,
)
from ragstone_server.spi.embedder import Embedder
from ragstone_server.spi.generator import Generator, Window
from ragstone_server.spi.grounding_check import GroundingCheck
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.judging import Judge
from ragstone_server.spi.provider import Provider
from ragstone_server.spi.reranker import Reranker


@asynccontextmanager
async def open_generator(settings: LitellmGeneratorSettings, host: Host) -> AsyncIterator[Generator]:
    """Import litellm; nothing is sent before the first question."""
    from ragstone_plugins.litellm_provider.backend import opened
    from ragstone_plugins.litellm_provider.counting import counter_of
    from ragstone_plugins.litellm_provider.generator import LitellmGenerator

    async with opened(settings, host, "generator") as backend:
        limit = settings.window or backend.known_window()
        window = None
        if limit is not None:
            window = Window(tokens=limit, count=await host.bulk.run(counter_of, backend, settings))
        yield LitellmGenerator(settings, backend, host.clock, window)


@asynccontextmanager
async def open_embedder(settings: LitellmEmbedderSettings, host: Host) -> AsyncIterator[Embedder]:
    """Import litellm; one text is sent where the dimension is not set."""
    from ragstone_plugins.litellm_provider.backend import opened
    from ragstone_plugins.litellm_provider.embedder import LitellmEmbedder

    async with opened(settings, host, "embedder") as backend:
        yield await LitellmEmbedder.open(settings, backend, host)


@asynccontextmanager
async def open_reranker(settings: LitellmRerankerSettings, host: Host) -> AsyncIterator[Reranker]:
    """Import litellm; nothing is sent before the first question."""
    from ragstone_plugins.litellm_provider.backend import opened
    from ragstone_plugins.litellm_provider.reranker import LitellmReranker

    async with opened(settings, host, "reranker") as backend:
        yield LitellmReranker(settings, backend, host.clock)


@asynccontextmanager
async def open_judge(settings: LitellmGeneratorSettings, host: Host) -> AsyncIterator[GroundingCheck]:
    """Import litellm; nothing is sent before the first text."""
    async with open_generator(settings, host) as generator:
        yield Judge(generator)


JUDGE: Provider[GroundingCheck, LitellmGeneratorSettings] = Provider(
    name="litellm",
    summary="a model of any provider that litellm knows judges",
    config=LitellmGeneratorSettings,
    open=open_judge,
)
GENERATOR: Provider[Generator, LitellmGeneratorSettings] = Provider(
    name="litellm",
    summary="a model of any provider that litellm knows",
    config=LitellmGeneratorSettings,
    open=open_generator,
)
EMBEDDER: Provider[Embedder, LitellmEmbedderSettings] = Provider(
    name="litellm",
    summary="an embedding model of any provider that litellm knows",
    config=LitellmEmbedderSettings,
    open=open_embedder,
)
RERANKER: Provider[Reranker, LitellmRerankerSettings] = Provider(
    name="litellm",
    summary="a reranking model of any provider that litellm knows",
    config=LitellmRerankerSettings,
    open=open_reranker,
)


@hookimpl
def ragstone_generators() -> Iterable[Provider[Generator, Any]]:
    """Offer the generator."""
    return (GENERATOR,)


@hookimpl
def ragstone_embedders() -> Iterable[Provider[Embedder, Any]]:
    """Offer the embedder."""
    return (EMBEDDER,)


@hookimpl
def ragstone_rerankers() -> Iterable[Provider[Reranker, Any]]:
    """Offer the reranker."""
    return (RERANKER,)


@hookimpl
def ragstone_grounding_checks() -> Iterable[Provider[GroundingCheck, Any]]:
    """Offer the judge."""
    return (JUDGE,)

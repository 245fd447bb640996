"""The entry point: offers the generator and the grounding check `openai_compatible`."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from ragstone_plugins.openai_compatible.settings import OpenAICompatibleSettings
from ragstone_server.spi.errors import StartError
from ragstone_server.spi.generator import Generator, Window
from ragstone_server.spi.grounding_check import GroundingCheck
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.judging import Judge
from ragstone_server.spi.provider import Provider


@asynccontextmanager
async def open_openai_compatible(settings: OpenAICompatibleSettings, host: Host) -> AsyncIterator[Generator]:
    """Open a pool of connections; nothing is sent before the first question."""
    missing = [name for name in ("model", "url") if not getattr(settings, name)]
    if missing:
        raise StartError(
            f"The plugin openai_compatible does not know whom to ask: set {' and '.join(missing)}, in its section or in the"
            " deployment of a route."
        )
    from ragstone_plugins.openai_compatible.generator import OpenAICompatibleGenerator, open_session
    from ragstone_server.spi.model_tokenizer import counter

    window = None
    if settings.window is not None:
        window = Window(tokens=settings.window, count=await host.bulk.run(counter, settings.tokenizer))
    async with open_session(settings) as session:
        yield OpenAICompatibleGenerator(settings, session, host.clock, window)


PROVIDER: Provider[Generator, OpenAICompatibleSettings] = Provider(
    name="openai_compatible",
    summary="a model behind any URL that speaks OpenAI's chat completions",
    config=OpenAICompatibleSettings,
    open=open_openai_compatible,
)


@asynccontextmanager
async def open_judge(settings: OpenAICompatibleSettings, host: Host) -> AsyncIterator[GroundingCheck]:
    """Open a pool of connections; nothing is sent before the first text."""
    async with open_openai_compatible(settings, host) as generator:
        yield Judge(generator)


JUDGE: Provider[GroundingCheck, OpenAICompatibleSettings] = Provider(
    name="openai_compatible",
    summary="a model judges, behind any URL that speaks OpenAI's chat completions",
    config=OpenAICompatibleSettings,
    open=open_judge,
)


@hookimpl
def ragstone_grounding_checks() -> Iterable[Provider[GroundingCheck, Any]]:
    """Offer the judge."""
    return (JUDGE,)


@hookimpl
def ragstone_generators() -> Iterable[Provider[Generator, Any]]:
    """Offer the generator."""
    return (PROVIDER,)

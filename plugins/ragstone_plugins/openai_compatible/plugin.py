"""The entry point: offers the generator `openai_compatible`."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from ragstone_plugins.openai_compatible.settings import OpenAICompatibleSettings
from ragstone_server.spi.errors import StartError
from ragstone_server.spi.generator import Generator
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.provider import Provider


@asynccontextmanager
async def open_openai_compatible(settings: OpenAICompatibleSettings, host: Host) -> AsyncIterator[Generator]:
    """Open a pool of connections; nothing is sent before the first question."""
    missing = [name for name in ("model", "url") if not getattr(settings, name)]
    if missing:
        raise StartError(
            f"The generator openai_compatible does not know whom to ask: set {' and '.join(missing)}, in [generator] or in"
            " the deployment of a route."
        )
    import httpx2

    from ragstone_plugins.openai_compatible.generator import OpenAICompatibleGenerator

    limits = httpx2.Limits(max_connections=settings.max_connections, max_keepalive_connections=settings.max_connections)
    # The transport without a client around it follows no redirect and keeps no cookie, and documents go to the configured
    # host alone: no proxy of the environment, no certificates of the environment.
    async with httpx2.AsyncHTTPTransport(trust_env=False, limits=limits) as transport:
        yield OpenAICompatibleGenerator(settings, transport, host.clock)


PROVIDER: Provider[Generator, OpenAICompatibleSettings] = Provider(
    name="openai_compatible",
    summary="a model behind any URL that speaks OpenAI's chat completions",
    config=OpenAICompatibleSettings,
    open=open_openai_compatible,
)


@hookimpl
def ragstone_generators() -> Iterable[Provider[Generator, Any]]:
    """Offer the generator."""
    return (PROVIDER,)

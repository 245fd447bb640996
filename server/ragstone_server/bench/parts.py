"""Stages and stores as the server's configuration selects them, opened in this process."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ragstone_server.app.configuration import Configuration, parse_configuration
from ragstone_server.config.source import load
from ragstone_server.registry.clock import SystemClock
from ragstone_server.registry.discovery import discover
from ragstone_server.registry.lanes import thread_lane
from ragstone_server.registry.registry import Registry, ServerHost


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What opens stages."""

    configuration: Configuration
    registry: Registry
    host: ServerHost


@asynccontextmanager
async def parts(data_dir: Path, threads: int = 2) -> AsyncIterator[Parts]:
    """As `ragstone serve` in the same folder would have them; closed with the context."""
    configuration = parse_configuration(load(None))
    async with AsyncExitStack() as stack:
        lane = await stack.enter_async_context(thread_lane("bench", threads))
        host = ServerHost(
            clock=SystemClock(),
            data_dir=data_dir,
            models_dir=configuration.server.models_dir,
            interactive=lane,
            bulk=lane,
            opened={},
        )
        yield Parts(
            configuration=configuration,
            registry=Registry(discover(), configuration.selections, host, stack),
            host=host,
        )

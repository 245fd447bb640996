"""The entry point: offers the grounding check `overlap`."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from ragstone_server.spi.grounding_check import GroundingCheck
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.kinds import EMBEDDER
from ragstone_server.spi.provider import Provider, Settings


class OverlapSettings(Settings):
    """Section `grounding_check` of the configuration, where it uses `overlap`. There is nothing to set."""


@asynccontextmanager
async def open_overlap(settings: OverlapSettings, host: Host) -> AsyncIterator[GroundingCheck]:
    """Open it over the collection's embedder; nothing to close."""
    from ragstone_plugins.overlap.check import OverlapCheck

    yield OverlapCheck(host.needed(EMBEDDER), host.interactive)


PROVIDER: Provider[GroundingCheck, OverlapSettings] = Provider(
    name="overlap",
    summary="scores sentences by the words and numbers they share with passages, and by their vectors",
    config=OverlapSettings,
    open=open_overlap,
    needs=(EMBEDDER,),
)


@hookimpl
def ragstone_grounding_checks() -> Iterable[Provider[GroundingCheck, Any]]:
    """Offer the grounding check."""
    return (PROVIDER,)

"""Offers the context filter."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from ragstone_plugins.context.filter import EvidenceFilter
from ragstone_plugins.context.settings import EvidenceConfig, EvidenceOptions
from ragstone_server.spi.context_filter import ContextFilter
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.provider import Provider


@asynccontextmanager
async def open_filter(config: EvidenceConfig, _: Host) -> AsyncIterator[ContextFilter]:
    """Nothing to open."""
    yield EvidenceFilter(config)


EVIDENCE: Provider[ContextFilter, EvidenceConfig] = Provider(
    name="evidence",
    summary="newest versions, above a threshold, no near-duplicates",
    config=EvidenceConfig,
    open=open_filter,
    options=EvidenceOptions,
)


@hookimpl
def ragstone_context_filters() -> Iterable[Provider[ContextFilter, EvidenceConfig]]:
    """Offer the filter."""
    return (EVIDENCE,)

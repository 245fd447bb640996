"""The entry point: offers the context filter `evidence`."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from ragstone_plugins.context.settings import EvidenceOptions, EvidenceSettings
from ragstone_server.spi.context_filter import ContextFilter
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.provider import Provider


@asynccontextmanager
async def open_evidence(settings: EvidenceSettings, host: Host) -> AsyncIterator[ContextFilter]:
    """Open the filter; nothing to close."""
    from ragstone_plugins.context.filter import EvidenceFilter

    yield EvidenceFilter(settings, host.interactive)


PROVIDER: Provider[ContextFilter, EvidenceSettings] = Provider(
    name="evidence",
    summary="keeps the newest versions, what may be of use, and each thing once",
    config=EvidenceSettings,
    open=open_evidence,
    options=EvidenceOptions,
)


@hookimpl
def ragstone_context_filters() -> Iterable[Provider[ContextFilter, Any]]:
    """Offer the filter."""
    return (PROVIDER,)

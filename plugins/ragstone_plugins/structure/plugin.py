"""The entry point: offers the chunker `structure`."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from ragstone_plugins.structure.settings import StructureSettings
from ragstone_server.spi.chunker import Chunker
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.provider import Provider


@asynccontextmanager
async def open_structure(settings: StructureSettings, host: Host) -> AsyncIterator[Chunker]:
    """Open the chunker; nothing to close."""
    from ragstone_plugins.structure.chunker import StructureChunker

    yield StructureChunker(settings, host.bulk)


PROVIDER: Provider[Chunker, StructureSettings] = Provider(
    name="structure",
    summary="cuts along headings, paragraphs, rows and sentences, measured in the embedder's tokens",
    config=StructureSettings,
    open=open_structure,
)


@hookimpl
def ragstone_chunkers() -> Iterable[Provider[Chunker, Any]]:
    """Offer the chunker."""
    return (PROVIDER,)

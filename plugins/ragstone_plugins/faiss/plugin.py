"""The door: offers the vector index `faiss`."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from ragstone_plugins.faiss.settings import FaissSettings
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.provider import Provider
from ragstone_server.spi.vector_index import VectorIndex


@asynccontextmanager
async def open_index(settings: FaissSettings, host: Host) -> AsyncIterator[VectorIndex]:
    """Load the library; the views open their files."""
    from ragstone_plugins.faiss.index import FaissIndex

    yield FaissIndex(settings, host)


PROVIDER: Provider[VectorIndex, FaissSettings] = Provider(
    name="faiss",
    summary="exact inner product over half-precision vectors in memory-mapped files",
    config=FaissSettings,
    open=open_index,
)


@hookimpl
def ragstone_vector_indexes() -> Iterable[Provider[VectorIndex, Any]]:
    """Offer the FAISS vector index."""
    return (PROVIDER,)

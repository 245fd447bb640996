"""Opens views."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ragstone_plugins.faiss.manifest import FORMAT
from ragstone_plugins.faiss.settings import FaissSettings
from ragstone_plugins.faiss.store import Store
from ragstone_plugins.faiss.view import FaissView
from ragstone_server.spi.host import Host
from ragstone_server.spi.views import ViewSpec


class FaissIndex:
    """Fits `spi.vector_index.VectorIndex`."""

    def __init__(self, settings: FaissSettings, host: Host) -> None:
        self._settings = settings
        self._host = host

    @property
    def fingerprint(self) -> str:
        """Format of the files."""
        return f"faiss-flat-fp16-{FORMAT}"

    @asynccontextmanager
    async def open_view(self, spec: ViewSpec, /) -> AsyncIterator[FaissView]:
        """Open the files of a view and keep sealing it until the context is left."""
        store = Store(spec, self._settings.dead_share)
        state = await self._host.bulk.run(store.open)
        view = FaissView(self._settings, self._host, store, state, spec.dimension)
        sealing = asyncio.create_task(view.seal_when_due())
        try:
            yield view
        finally:
            sealing.cancel()
            await asyncio.gather(sealing, return_exceptions=True)
            await view.close()

"""Opens views."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ragstone_plugins.tantivy.analysis import Analysis
from ragstone_plugins.tantivy.settings import TantivySettings
from ragstone_plugins.tantivy.store import FINGERPRINT, Store
from ragstone_plugins.tantivy.view import TantivyView
from ragstone_server.spi.host import Host
from ragstone_server.spi.views import ViewSpec


class TantivyIndex:
    """Fits `spi.lexical_index.LexicalIndex`."""

    def __init__(self, settings: TantivySettings, host: Host) -> None:
        self._settings = settings
        self._host = host
        self._analysis = Analysis()

    @property
    def fingerprint(self) -> str:
        """Of the analyzer and the files."""
        return FINGERPRINT

    @asynccontextmanager
    async def open_view(self, spec: ViewSpec, /) -> AsyncIterator[TantivyView]:
        """Open the files of a view and keep its house until the context is left."""
        store = Store(spec, self._analysis, self._settings.writer_megabytes)
        snapshot = await self._host.bulk.run(store.open)
        view = TantivyView(self._settings, self._host, self._analysis, store, snapshot)
        keeping = [asyncio.create_task(work) for work in (view.keep_house(), view.check_forever())]
        try:
            yield view
        finally:
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)
            await view.close()

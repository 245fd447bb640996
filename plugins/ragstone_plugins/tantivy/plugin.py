"""The door: offers the lexical index `tantivy`."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from ragstone_plugins.tantivy.settings import TantivySettings
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.lexical_index import LexicalIndex
from ragstone_server.spi.provider import Provider


@asynccontextmanager
async def open_index(settings: TantivySettings, host: Host) -> AsyncIterator[LexicalIndex]:
    """Load the library; the views open their files."""
    from ragstone_plugins.tantivy.index import TantivyIndex

    yield TantivyIndex(settings, host)


PROVIDER: Provider[LexicalIndex, TantivySettings] = Provider(
    name="tantivy",
    summary="BM25 over stems in 18 languages, in files of its own",
    config=TantivySettings,
    open=open_index,
)


@hookimpl
def ragstone_lexical_indexes() -> Iterable[Provider[LexicalIndex, Any]]:
    """Offer the Tantivy lexical index."""
    return (PROVIDER,)

"""What other processes write to the catalog: looked for, since nobody tells."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ragstone_server.spi.catalog_store import CatalogStore, CollectionHead
from ragstone_server.spi.positions import CollectionKey, Position

logger = logging.getLogger(__name__)

SHARE = 0.05
"""Most of the time that is spent on looking: with very many collections the looks become rarer."""


@asynccontextmanager
async def watching(store: CatalogStore, pause_s: float, moved: Callable[[CollectionHead], None]) -> AsyncIterator[None]:
    """Tell of every collection whose head has moved since the last look, as long as the context is open."""

    async def look() -> None:
        known: dict[CollectionKey, Position] | None = None
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                heads = await store.heads()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look may succeed
                logger.warning("the catalog cannot be looked at for changes: %s", error)
            else:
                if known is not None:
                    for head in heads:
                        if known.get(head.key) != head.head:
                            moved(head)
                known = {head.key: head.head for head in heads}
            await asyncio.sleep(max(pause_s, (loop.time() - began) / SHARE))

    task = asyncio.create_task(look(), name="watch-catalog")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

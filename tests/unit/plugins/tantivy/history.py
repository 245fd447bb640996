"""Run in a process of its own: apply a fixed history, flushing now and then; a fail point may kill it on the way."""

import asyncio
import sys
from pathlib import Path

from ragstone_plugins.tantivy.plugin import PROVIDER
from ragstone_plugins.tantivy.settings import TantivySettings
from ragstone_server.spi.views import ChangeBatch
from ragstone_server.testing.conformance.view_base import spec
from ragstone_server.testing.conformance.view_samples import batch, document
from ragstone_server.testing.memory.host import MemoryHost

HISTORY: list[ChangeBatch] = [
    batch(n, document(n % 4, *range(n * 10, n * 10 + 5)), *([document(9)] if n % 3 else [document(9, n)]))
    for n in range(1, 13)
]


async def main(directory: Path) -> None:
    async with (
        MemoryHost(directory, directory) as host,
        PROVIDER.open(TantivySettings(), host) as index,
        index.open_view(spec(directory / "view")) as view,
    ):
        for change in HISTORY[view.position :]:
            await view.apply(change)
            if change.position % 3 == 0:
                await view.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

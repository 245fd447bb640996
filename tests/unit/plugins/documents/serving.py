"""A process with workers, to be killed."""

import asyncio

from ragstone_plugins.documents.pool import WorkerPool
from ragstone_plugins.documents.settings import DocumentsSettings


async def main() -> None:
    pool = WorkerPool(DocumentsSettings())
    await pool.start()
    print("ready", flush=True)
    await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main())

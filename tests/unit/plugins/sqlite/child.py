"""A process for tests to kill, starve of space, or start twice: `child.py DIRECTORY ACTION`; it tells what it did, a line each."""

import asyncio
import contextlib
import resource
import signal
import sys
from pathlib import Path

from ragstone_plugins.sqlite.plugin import PROVIDER
from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.spi.errors import CollectionAlreadyExists, StorageFull
from ragstone_server.spi.names import DocumentId
from ragstone_server.testing.conformance.catalog_samples import NAME, NOW, SETTINGS, content, fields
from ragstone_server.testing.memory.host import MemoryHost

PARTS = ("one", "two", "three")


def say(*words: object) -> None:
    print(*words, flush=True)


async def write(store: CatalogStore, version: int, piece: str = "ferry") -> None:
    """The same version of three documents, in one transaction."""
    collection = await store.collection(NAME)
    async with store.transaction(collection.key) as transaction:
        for part in PARTS:
            await transaction.put_document(DocumentId(part), version, fields(), content(f"{piece} {version}"), NOW)


async def fill(store: CatalogStore) -> None:
    """Write until no space is left, read, make space, write again."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    await write(store, 1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, hard))
    version = 2
    try:
        while True:
            await write(store, version, "".join(chr(33 + (version * n * n) % 9000) for n in range(100_000)))
            version += 1
    except StorageFull:
        say("full", version)
    collection = await store.collection(NAME)
    say("stored", (await store.versions(collection.key, [DocumentId("one")]))[DocumentId("one")].version)
    with contextlib.suppress(StorageFull):
        await write(store, version, "x" * 100_000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await write(store, version + 1)
    say("again", version + 1)


async def main(directory: Path, action: str) -> None:
    async with MemoryHost(directory, directory) as host, PROVIDER.open(SqliteConfig(), host) as store:
        with contextlib.suppress(CollectionAlreadyExists):
            await store.create_collection(NAME, SETTINGS, NOW)
        say("open", store.epoch, "alembic" in sys.modules, "sqlalchemy" in sys.modules)
        if action == "fill":
            await fill(store)
        version = 1
        while action == "write":
            await write(store, version)
            say("acknowledged", version)
            version += 1


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))

"""The file: how it is synced, bounded, and emptied of what was deleted."""

import asyncio
from pathlib import Path

import pytest

from ragstone_plugins.sqlite.connections import connect
from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord
from ragstone_server.spi.errors import StorageFull
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.questions import AskedQuestion
from ragstone_server.testing.conformance.catalog_samples import (
    NAME,
    NOW,
    SETTINGS,
    Follower,
    content,
    delete,
    fields,
    put,
)
from tests.unit.plugins.sqlite.kinds import OpenCatalog, StartChild

MIB = 1024 * 1024


def incompressible(seed: int, length: int) -> str:
    return "".join(chr(0x4E00 + (seed * 7919 + n * n * 104729) % 20000) for n in range(length))


def test_every_commit_is_synced(tmp_path: Path) -> None:
    connection = connect(tmp_path / "catalog.sqlite3", SqliteConfig())
    pragmas = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "fullfsync")
    }
    connection.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1, "fullfsync": 1}


async def test_a_full_store_reads_and_recovers(open_catalog: OpenCatalog) -> None:
    async with open_catalog(max_bytes=2 * MIB) as store:
        collection = await store.create_collection(NAME, SETTINGS, NOW)

        async def fill() -> None:
            while True:
                count = await store.document_count(collection.key)
                await put(store, collection.key, f"{count}", incompressible(count, 50_000))

        with pytest.raises(StorageFull):
            await fill()
        count = await store.document_count(collection.key)
        assert count > 3
        assert (await store.collection(NAME)).head == count
        follower = Follower(store, collection.key)
        await follower.catch_up()
        assert len(await follower.stored()) == count
        with pytest.raises(StorageFull):
            await put(store, collection.key, "more", incompressible(5000, 50_000))
        await delete(store, collection.key, "0")
        await delete(store, collection.key, "1")
        assert await put(store, collection.key, "more", incompressible(5000, 50_000)) == count + 3


def test_a_log_that_cannot_grow_is_a_full_disk(start_child: StartChild) -> None:
    child = start_child("fill")
    out, err = child.communicate(timeout=120)
    assert child.returncode == 0, err
    said = dict(line.split(" ", 1) for line in out.splitlines())
    assert int(said["stored"]) == int(said["full"]) - 1
    assert said["again"] == str(int(said["full"]) + 1)


async def test_p9_deleted_text_leaves_the_files(open_catalog: OpenCatalog, catalog_path: Path) -> None:
    secret, metadata = "grüne Ottern am Kai", "Wachhund"
    async with open_catalog() as store:
        collection = await store.create_collection(NAME, SETTINGS, NOW)
        described = fields(metadata, {"keeper": metadata})
        async with store.transaction(collection.key) as transaction:
            for number in range(40):
                name = DocumentId(f"{secret}/{number}")
                new = content(f"{number}", headings=(secret,))
                await transaction.put_document(name, 1, described, new, NOW)

        def files() -> bytes:
            return b"".join(each.read_bytes() for each in catalog_path.parent.iterdir())

        assert secret.encode() in files()
        assert metadata.encode() in files()
        for number in range(40):
            await delete(store, collection.key, f"{secret}/{number}")
        head = (await store.collection(NAME)).head
        await store.retire(collection.key, head, head, NOW)
        assert secret.encode() not in files()
        assert metadata.encode() not in files()


async def test_p9_purged_questions_leave_the_files(open_catalog: OpenCatalog, catalog_path: Path) -> None:
    secret = "Wo schlafen die grünen Ottern?"
    async with open_catalog() as store:
        collection = await store.create_collection(NAME, SETTINGS, NOW)
        asked = [
            AskedQuestion(collection=collection.key, text=f"{secret} {number}" * 50, asked=NOW) for number in range(40)
        ]
        await store.questions.record(asked, 100)

        def files() -> bytes:
            return b"".join(each.read_bytes() for each in catalog_path.parent.iterdir())

        assert secret.encode() in files()
        assert await store.questions.purge(collection.key) == 40
        assert secret.encode() not in files()


async def test_the_log_is_bounded_while_readers_come_and_go(open_catalog: OpenCatalog, catalog_path: Path) -> None:
    wal = catalog_path.with_name(catalog_path.name + "-wal")
    stop = asyncio.Event()

    async def read(store: CatalogStore, collection: CollectionRecord) -> None:
        while not stop.is_set():
            await Follower(store, collection.key).read(100)

    async with open_catalog(wal_bytes=MIB) as store:
        collection = await store.create_collection(NAME, SETTINGS, NOW)
        readers = [asyncio.create_task(read(store, collection)) for _ in range(4)]
        greatest = 0
        for number in range(100):
            await put(store, collection.key, f"{number % 5}", incompressible(number, 20_000), version=number)
            greatest = max(greatest, wal.stat().st_size)
        stop.set()
        await asyncio.gather(*readers)
        assert greatest < 2 * MIB
    assert not wal.exists()


async def test_closing_waits_for_no_cancelled_reader(open_catalog: OpenCatalog) -> None:
    """Its connection closes when its thread is done; pytest would report one that stays open."""
    async with open_catalog() as store:
        collection = await store.create_collection(NAME, SETTINGS, NOW)
        await put(store, collection.key, "a", *(f"passage {number}" for number in range(3000)))
        tasks = [asyncio.create_task(Follower(store, collection.key).read(10)) for _ in range(4)]
        await asyncio.sleep(0.005)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

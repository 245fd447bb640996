"""The database goes away, and comes back."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

import pytest

from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.spi.errors import CatalogUnavailable
from ragstone_server.spi.names import DocumentId
from ragstone_server.testing.conformance.catalog_samples import NAME, NOW, SETTINGS, Follower, put
from tests.integration.postgresql.conftest import OpenStore
from tests.services.pgbouncer import PgBouncer
from tests.services.postgresql import PostgreSQL
from tests.services.proxy import Proxy


def behind(url: str, address: str) -> str:
    """The URL with another host and port."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{address}"))


async def until_it_answers(call: Callable[[], Awaitable[object]]) -> None:
    """Try until the database is back, which is bounded."""
    async with asyncio.timeout(60):
        while True:
            with suppress(CatalogUnavailable):
                await call()
                return
            await asyncio.sleep(0.05)


async def fresh_collection(store: CatalogStore) -> int:
    with suppress(Exception):
        await store.delete_collection((await store.collection(NAME)).key, force=True)
    return (await store.create_collection(NAME, SETTINGS, NOW)).key


async def test_p1_what_was_acknowledged_survives_the_death_of_the_database(
    postgresql_server: PostgreSQL, own_url: str, open_store: OpenStore
) -> None:
    async with open_store(own_url, connect_timeout_seconds=2) as store:
        key = await fresh_collection(store)
        acknowledged: list[str] = []
        refused = asyncio.Event()

        async def write(writer: int) -> None:
            for number in range(10_000):
                document = f"{writer}-{number}"
                try:
                    await put(store, key, document, f"text {document}")  # type: ignore[arg-type]
                except CatalogUnavailable:
                    refused.set()
                    return
                acknowledged.append(document)

        writers = [asyncio.create_task(write(writer)) for writer in range(4)]
        while len(acknowledged) < 50:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(postgresql_server.kill)
        await asyncio.gather(*writers)
        assert refused.is_set()
        with pytest.raises(CatalogUnavailable):
            await store.collection(NAME)
        await asyncio.to_thread(postgresql_server.start)
        await until_it_answers(lambda: store.collection(NAME))
        collection = await store.collection(NAME)
        follower = Follower(store, collection.key)
        await follower.catch_up(100)
        stored = {each.passage.document for each in await follower.stored()}
        assert stored >= set(acknowledged)
        assert len(follower.passages()) == collection.head == len(stored), "none twice"


async def test_a_frozen_database_is_away_and_comes_back(
    postgresql_server: PostgreSQL, own_url: str, open_store: OpenStore
) -> None:
    async with open_store(own_url, answer_seconds=0.5, connect_timeout_seconds=2) as store:
        key = await fresh_collection(store)
        await put(store, key, "a", "one")  # type: ignore[arg-type]
        postgresql_server.freeze()
        try:
            with pytest.raises(CatalogUnavailable):
                await store.collection(NAME)
            with pytest.raises(CatalogUnavailable):
                await put(store, key, "b", "two")  # type: ignore[arg-type]
        finally:
            postgresql_server.resume()
        await until_it_answers(lambda: store.collection(NAME))
        await until_it_answers(lambda: put(store, key, "c", "three"))  # type: ignore[arg-type]
        assert await store.document(key, DocumentId("b")) is None  # type: ignore[arg-type]


async def test_a_read_is_tried_again_where_its_connection_was_cut(catalog_url: str, open_store: OpenStore) -> None:
    parts = urlsplit(catalog_url)
    with Proxy(f"{parts.hostname}:{parts.port}") as proxy:
        async with open_store(behind(catalog_url, proxy.address), min_connections=2) as store:
            await store.create_collection(NAME, SETTINGS, NOW)
            for _ in range(5):
                await asyncio.to_thread(proxy.cut)
                await asyncio.to_thread(proxy.mend)
                assert (await store.collection(NAME)).name == NAME


async def test_a_read_whose_answer_was_cut_off_is_tried_again(catalog_url: str, open_store: OpenStore) -> None:
    """Not only one that found its connection closed."""
    parts = urlsplit(catalog_url)
    with Proxy(f"{parts.hostname}:{parts.port}") as proxy:
        async with open_store(behind(catalog_url, proxy.address)) as store:
            collection = await store.create_collection(NAME, SETTINGS, NOW)
            await put(store, collection.key, "a", "one")
            for _ in range(3):
                await asyncio.to_thread(proxy.freeze)
                reading = asyncio.create_task(store.document(collection.key, DocumentId("a")))
                await asyncio.sleep(0.05)
                assert not reading.done()
                await asyncio.to_thread(proxy.cut)
                await asyncio.to_thread(proxy.mend)
                assert await reading is not None


async def test_nobody_meets_a_connection_of_before_the_restart(
    postgresql_server: PostgreSQL, own_url: str, open_store: OpenStore
) -> None:
    """Whatever their number: a write would fail on one, which nobody may try again but its caller."""
    async with open_store(own_url, min_connections=8) as store:
        key = await fresh_collection(store)
        await asyncio.gather(*(store.document_count(key) for _ in range(50)))  # type: ignore[arg-type]
        for round_ in range(2):
            await asyncio.to_thread(postgresql_server.kill if round_ else postgresql_server.stop)
            await asyncio.to_thread(postgresql_server.start)
            await asyncio.gather(
                *(put(store, key, f"{round_} {n}", "ferry") for n in range(20)),  # type: ignore[arg-type]
                *(store.document_count(key) for _ in range(20)),  # type: ignore[arg-type]
            )
        assert await store.document_count(key) == 40  # type: ignore[arg-type]


async def test_who_is_cancelled_while_the_database_is_frozen_ends(
    postgresql_server: PostgreSQL, own_url: str, open_store: OpenStore
) -> None:
    """A caller whose deadline passes waits neither for an answer nor for a rollback that nobody gives."""
    async with open_store(own_url, answer_seconds=1, connect_timeout_seconds=1) as store:
        key = await fresh_collection(store)
        postgresql_server.freeze()
        try:
            for work in (store.document_count(key), put(store, key, "a", "one")):  # type: ignore[arg-type]
                task = asyncio.ensure_future(work)
                await asyncio.sleep(0.1)
                task.cancel()
                async with asyncio.timeout(60):
                    assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)
        finally:
            postgresql_server.resume()
        await until_it_answers(lambda: put(store, key, "b", "two"))  # type: ignore[arg-type]


async def test_a_slow_network_is_slow_and_nothing_else(catalog_url: str, open_store: OpenStore) -> None:
    parts = urlsplit(catalog_url)
    with Proxy(f"{parts.hostname}:{parts.port}") as proxy:
        async with open_store(behind(catalog_url, proxy.address)) as store:
            collection = await store.create_collection(NAME, SETTINGS, NOW)
            proxy.slow(delay_s=0.05)
            assert await put(store, collection.key, "a", "one") == 1


async def test_it_works_behind_a_pooler_of_transactions(
    catalog_url: str, open_store: OpenStore, new_pgbouncer: Callable[[str], PgBouncer]
) -> None:
    """Many more connections than the pooler has to the database, all at once."""
    pooler = new_pgbouncer(catalog_url)
    async with open_store(pooler.url, max_connections=40) as one, open_store(pooler.url, max_connections=40) as two:
        collection = await one.create_collection(NAME, SETTINGS, NOW)
        await asyncio.gather(*(put(store, collection.key, f"d{i}", f"t{i}") for i in range(60) for store in (one, two)))
        assert await two.document_count(collection.key) == 60
        follower = Follower(two, collection.key)
        await follower.catch_up(50)
        assert len(follower.passages()) == 60
        assert follower.position == 120

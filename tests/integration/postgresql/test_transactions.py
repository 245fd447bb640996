"""What a transaction promises whatever its body, its caller and the database do."""

import asyncio
from contextlib import suppress

import psycopg
import pytest

from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord
from ragstone_server.spi.errors import CatalogUnavailable, Overloaded
from ragstone_server.spi.names import DocumentId
from ragstone_server.testing.conformance.catalog_samples import NAME, NOW, SETTINGS, content, fields, name, put
from tests.integration.postgresql.conftest import OpenStore

A, B = DocumentId("a"), DocumentId("b")


async def test_a_time_that_the_caller_sets_is_the_callers(catalog_url: str, open_store: OpenStore) -> None:
    async with open_store(catalog_url) as store:
        collection = await store.create_collection(NAME, SETTINGS, NOW)
        with pytest.raises(TimeoutError):
            async with store.transaction(collection.key) as transaction:
                await transaction.put_document(A, 1, fields(), content("ferry"), NOW)
                async with asyncio.timeout(0):
                    await asyncio.sleep(1)
        assert not await store.versions(collection.key, [A])


async def test_what_failed_in_the_middle_is_not_committed(catalog_url: str, open_store: OpenStore) -> None:
    """A body that passes over the error of a statement must not be told that its writes are there."""
    async with open_store(catalog_url) as store:
        collection = await store.create_collection(NAME, SETTINGS, NOW)
        impossible = content("ferry", embedder="\0")  # a text column takes no NUL
        with pytest.raises(psycopg.errors.InFailedSqlTransaction, match="nothing was committed"):
            async with store.transaction(collection.key) as transaction:
                await transaction.put_document(A, 1, fields(), content("ferry"), NOW)
                await transaction.versions([A])
                await transaction.put_document(B, 1, fields(), impossible, NOW)
                with suppress(psycopg.DataError):
                    await transaction.versions([B])
        assert not await store.versions(collection.key, [A, B])
        assert await put(store, collection.key, "c", "winter") == 1


@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
async def test_the_level_of_isolation_is_ours_whatever_the_database_prefers(
    catalog_url: str, open_store: OpenStore, level: str
) -> None:
    """Writers of a collection take turns; with another level all but the first would fail."""
    with psycopg.connect(catalog_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET default_transaction_isolation = '{level}'")
    async with open_store(catalog_url) as store:
        collection = await store.create_collection(NAME, SETTINGS, NOW)
        positions = await asyncio.gather(*(put(store, collection.key, f"{n}", "ferry") for n in range(12)))
        assert sorted(positions) == list(range(1, 13))


async def test_a_commit_waits_for_the_disk_whatever_the_database_prefers(
    catalog_url: str, open_store: OpenStore
) -> None:
    with psycopg.connect(catalog_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET synchronous_commit = off")
        # A trigger sees what a transaction has set.
        connection.execute("CREATE TABLE seen (setting text)")
        connection.execute("""
            CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$""")
        for table in ("collection", "document", "follower"):
            connection.execute(f"CREATE TRIGGER look AFTER INSERT ON {table} EXECUTE FUNCTION look()")
        async with open_store(catalog_url) as store:
            collection = await store.create_collection(NAME, SETTINGS, NOW)
            at = await put(store, collection.key, A, "ferry")
            await store.put_follower(collection.key, "view", at, NOW)
        assert connection.execute("SELECT * FROM seen").fetchall() == [("on",)] * 3


async def test_a_database_that_became_read_only_takes_writes_again_when_it_does(
    catalog_url: str, open_store: OpenStore
) -> None:
    """As after a failover: connections to the former primary are not kept."""
    async with open_store(catalog_url, min_connections=2) as store:
        collection = await store.create_collection(NAME, SETTINGS, NOW)
        await put(store, collection.key, A, "ferry")
        with psycopg.connect(catalog_url, autocommit=True) as connection:
            database = connection.info.dbname
            connection.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
            others = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
            )
            connection.execute(others, (database,))
            for _ in range(3):
                with pytest.raises(CatalogUnavailable, match="read-only transaction"):
                    await put(store, collection.key, B, "island")
            assert await store.document(collection.key, A)
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = off")
        # Read-only ones are closed as they are met: at most as many writes are refused as were open.
        async with asyncio.timeout(60):
            while True:
                with suppress(CatalogUnavailable):
                    await put(store, collection.key, B, "island")
                    break
        assert await store.document(collection.key, B)


async def waiting_writers(
    store: CatalogStore, collection: CollectionRecord, url: str, number: int
) -> list["asyncio.Task[object]"]:
    """Writers of which as many as find a place wait for the collection, which somebody holds."""
    tasks = [asyncio.create_task(put(store, collection.key, f"{n}", "ferry")) for n in range(number)]
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with asyncio.timeout(60), await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while await (await connection.execute(waiting)).fetchone() == (0,):
            await asyncio.sleep(0.01)
    return list(tasks)


async def test_writers_that_wait_leave_room_for_readers(catalog_url: str, open_store: OpenStore) -> None:
    patient = {"lock_seconds": 60, "answer_seconds": 120, "idle_in_transaction_seconds": 120}
    async with (
        open_store(catalog_url, **patient) as holder,
        open_store(catalog_url, min_connections=1, max_connections=4, connect_timeout_seconds=60, **patient) as store,
    ):
        collection = await holder.create_collection(NAME, SETTINGS, NOW)
        async with holder.transaction(collection.key):
            writers = await waiting_writers(store, collection, catalog_url, 20)
            assert await asyncio.gather(*(store.document_count(collection.key) for _ in range(20))) == [0] * 20
            assert not any(writer.done() for writer in writers)
        await asyncio.gather(*writers)
        assert await store.document_count(collection.key) == 20


async def test_writers_for_whom_there_is_no_room_are_told(catalog_url: str, open_store: OpenStore) -> None:
    patient = {"lock_seconds": 60, "answer_seconds": 120, "idle_in_transaction_seconds": 120}
    async with (
        open_store(catalog_url, **patient) as holder,
        open_store(catalog_url, min_connections=1, max_connections=2, connect_timeout_seconds=1, **patient) as store,
    ):
        held = await holder.create_collection(NAME, SETTINGS, NOW)
        free = await holder.create_collection(name("free"), SETTINGS, NOW)
        async with holder.transaction(held.key):
            (writer,) = await waiting_writers(store, held, catalog_url, 1)
            with pytest.raises(Overloaded, match="too many transactions"):
                await put(store, free.key, A, "ferry")
        await writer
        assert await put(store, free.key, A, "ferry") == 1


async def test_cancelling_who_waits_for_a_lock_leaves_nothing_behind(catalog_url: str, open_store: OpenStore) -> None:
    """Neither a lock, nor a place, nor a connection of which others would hear the answer."""
    patient = {"lock_seconds": 60, "answer_seconds": 120, "idle_in_transaction_seconds": 120}
    async with open_store(catalog_url, **patient) as holder, open_store(catalog_url, **patient) as store:
        collection = await holder.create_collection(NAME, SETTINGS, NOW)
        for _ in range(3):
            async with holder.transaction(collection.key):
                writers = await waiting_writers(store, collection, catalog_url, 12)
                for writer in writers:
                    writer.cancel()
                outcomes = await asyncio.gather(*writers, return_exceptions=True)
                assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
        assert await asyncio.gather(*(store.document_count(collection.key) for _ in range(20))) == [0] * 20
        assert await put(store, collection.key, A, "ferry") == 1


async def test_who_is_cancelled_ends_whatever_comes_at_the_same_time(catalog_url: str, open_store: OpenStore) -> None:
    """Python 3.11 may lose a cancellation; a task that is to end would go on, and whoever waits for its end forever."""
    async with open_store(catalog_url, min_connections=1) as store:
        collection = await store.create_collection(NAME, SETTINGS, NOW)

        async def forever(number: int) -> None:
            while True:
                if number % 4:
                    await store.document_count(collection.key)
                else:
                    await put(store, collection.key, f"{number}", "ferry")

        for round_ in range(15):
            tasks = [asyncio.create_task(forever(number)) for number in range(12)]
            await asyncio.sleep(0.003 * round_)
            for task in tasks:
                task.cancel()
            async with asyncio.timeout(60):
                outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
        assert len(set(await asyncio.gather(*(store.document_count(collection.key) for _ in range(20))))) == 1
        await put(store, collection.key, A, "ferry")

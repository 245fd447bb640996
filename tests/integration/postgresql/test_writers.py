"""Many writers over one database."""

import asyncio
import random
from contextlib import suppress
from datetime import timedelta
from itertools import count

import psycopg
import pytest

from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord
from ragstone_server.spi.errors import CatalogUnavailable, Overloaded
from ragstone_server.spi.generations import FIRST
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import Position
from ragstone_server.testing.conformance.catalog_samples import (
    EMBEDDER,
    NAME,
    NOW,
    SETTINGS,
    TENANT,
    Follower,
    content,
    delete,
    fields,
    head,
    name,
    put,
    text_hash,
)
from tests.integration.postgresql.conftest import OpenStore

WRITERS, WRITES = 4, 30


async def test_positions_are_dense_and_in_commit_order_under_concurrent_writers(
    catalog_url: str, open_store: OpenStore
) -> None:
    """Followers that poll all the time skip none, though transactions of two processes overlap, roll back and are cancelled."""
    dice = random.Random(7)
    async with open_store(catalog_url) as one, open_store(catalog_url) as two, open_store(catalog_url) as three:
        collection = await one.create_collection(NAME, SETTINGS, NOW)
        committed: list[Position] = []
        done = asyncio.Event()

        async def follow(store: CatalogStore, limit: int) -> list[int]:
            seen: list[int] = []
            position = Position(0)
            while not (done.is_set() and position == await head(store, collection)):
                batch = await store.changes(collection.key, FIRST, position, limit, texts=False, vectors=None)
                assert position <= batch.position <= position + limit
                seen.extend(range(position + 1, batch.position + 1))
                position = batch.position
            return seen

        async def write(store: CatalogStore, text: str) -> None:
            async with store.transaction(collection.key) as transaction:
                given = []
                for _ in range(dice.randrange(1, 4)):
                    document = DocumentId(f"{dice.randrange(10)}")
                    given.append(await transaction.put_document(document, 1, fields(), content(text), NOW))
                    await asyncio.sleep(dice.random() / 500)
                if dice.random() < 0.2:
                    raise ZeroDivisionError
            committed.extend(given)

        async def writer(store: CatalogStore, name: int) -> None:
            for number in range(WRITES):
                with suppress(ZeroDivisionError, TimeoutError):
                    # Some are cancelled before their commit, wherever they are then.
                    async with asyncio.timeout(dice.random() / 100 if dice.random() < 0.1 else None):
                        await write(store, f"{name} {number}")

        followers = [asyncio.create_task(follow(store, limit)) for store, limit in ((one, 1), (two, 3), (three, 100))]
        await asyncio.gather(*(writer((one, two)[name % 2], name) for name in range(WRITERS)))
        done.set()
        seen = await asyncio.gather(*followers)
        last = await head(one, collection)
    assert seen == [list(range(1, last + 1))] * 3, "dense, and none is skipped"
    # A cancellation that comes with the commit leaves it, and no word of it.
    assert set(committed) <= set(range(1, last + 1))
    assert len(set(committed)) == len(committed), "none is given twice"
    assert len(committed) > last / 2


async def test_the_second_writer_of_a_collection_waits_for_the_first(catalog_url: str, open_store: OpenStore) -> None:
    """So a later position never becomes visible before an earlier one."""
    async with open_store(catalog_url) as one, open_store(catalog_url) as two:
        collection = await one.create_collection(NAME, SETTINGS, NOW)
        other = await one.create_collection(name("other"), SETTINGS, NOW)
        async with one.transaction(collection.key) as transaction:
            first = await transaction.put_document(DocumentId("a"), 1, fields(), content("one"), NOW)
            second = asyncio.create_task(put(two, collection.key, "b", "two"))
            await put(two, other.key, "c", "another collection is not held up")
            assert not second.done()
            batch = await two.changes(collection.key, FIRST, Position(0), 10, texts=False, vectors=None)
            assert batch.position == 0
        assert (first, await second) == (1, 2)


async def test_who_holds_a_collection_too_long_is_ended(catalog_url: str, open_store: OpenStore) -> None:
    """A frozen process: the others go on, and what it writes when it wakes is not there."""
    async with (
        open_store(catalog_url, idle_in_transaction_seconds=0.5) as frozen,
        open_store(catalog_url, lock_seconds=30) as store,
    ):
        collection = await frozen.create_collection(NAME, SETTINGS, NOW)
        with pytest.raises(CatalogUnavailable):
            async with frozen.transaction(collection.key) as transaction:
                await transaction.put_document(DocumentId("a"), 1, fields(), content("late"), NOW)
                assert await put(store, collection.key, "b", "in time") == 1
        assert await store.document(collection.key, DocumentId("a")) is None
        assert await put(frozen, collection.key, "c", "its next one is fine") == 2


async def test_who_waits_too_long_for_a_collection_is_told(catalog_url: str, open_store: OpenStore) -> None:
    async with open_store(catalog_url) as holder, open_store(catalog_url, lock_seconds=0.2) as hasty:
        collection = await holder.create_collection(NAME, SETTINGS, NOW)
        async with holder.transaction(collection.key):
            with pytest.raises(Overloaded):
                await put(hasty, collection.key, "a", "one")
        assert await put(hasty, collection.key, "a", "one") == 1


@pytest.mark.parametrize("seed", range(3))
async def test_a_vector_is_there_as_long_as_a_passage_has_its_text(
    catalog_url: str, open_store: OpenStore, seed: int
) -> None:
    """Collections of a tenant share vectors: one puts a text while another deletes its last passage."""
    dice, numbers = random.Random(seed), count()
    async with open_store(catalog_url, max_connections=20, lock_seconds=60) as store:
        collections = [await store.create_collection(name(f"c{i}"), SETTINGS, NOW) for i in range(4)]

        async def churn(collection: CollectionRecord) -> None:
            for _ in range(25):
                text = f"shared {dice.randrange(2)}"
                await put(store, collection.key, "a", text, version=next(numbers))
                if dice.random() < 0.7:
                    await delete(store, collection.key, "a", version=next(numbers))
                else:
                    position = await head(store, collection)
                    await store.retire(collection.key, position, position, NOW + timedelta(days=1))

        await asyncio.gather(*(churn(collection) for collection in collections))
    with psycopg.connect(catalog_url) as connection:
        without = connection.execute(
            "SELECT count(*) FROM passage p WHERE NOT EXISTS (SELECT 1 FROM vector v WHERE v.text_hash = p.text_hash)"
        ).fetchone()
        unused = connection.execute(
            "SELECT count(*) FROM vector v WHERE NOT EXISTS (SELECT 1 FROM passage p WHERE p.text_hash = v.text_hash)"
        ).fetchone()
    assert (without, unused) == ((0,), (0,))


async def test_what_the_database_cannot_hold_is_replaced(catalog_url: str, open_store: OpenStore) -> None:
    """Text columns take no NUL; the text itself is kept as bytes."""
    async with open_store(catalog_url) as store:
        collection = await store.create_collection(NAME, SETTINGS, NOW)
        described = fields("A\0title", metadata={"k\0": "v\0"}, uri="file:///a\0b")
        await put(store, collection.key, "a", "a\0text", of=described)
        record = await store.document(collection.key, DocumentId("a"))
        assert record is not None
        assert record.fields.title == "A\N{REPLACEMENT CHARACTER}title"
        assert record.fields.attributes == described.attributes
        follower = Follower(store, collection.key)
        await follower.catch_up()
        assert "a\0text" in follower.texts()[0]


async def test_a_former_process_is_fenced_by_the_claim_of_the_next(catalog_url: str, open_store: OpenStore) -> None:
    """Its open transaction ends first; what it begins later finds the source lost (see the suite of stores)."""
    from ragstone_server.spi.sources import SourceLost, SourceMove, SourceName

    source = SourceName("kafka/g/t/00000")
    async with open_store(catalog_url) as one, open_store(catalog_url) as two:
        collection = await one.create_collection(NAME, SETTINGS, NOW)
        old = await one.sources.claim(source)
        move = SourceMove(claim=old, expected=None, next=1)
        async with one.sources.transaction([collection.key], move) as transaction:
            await transaction.collections[collection.key].put_document(
                DocumentId("a"), 1, fields(), content("one"), NOW
            )
            claiming = asyncio.create_task(two.sources.claim(source))
            await asyncio.sleep(0.1)
            assert not claiming.done()
        new = await claiming
        assert new.next == 1
        with pytest.raises(SourceLost):
            async with one.sources.transaction([], SourceMove(claim=old, expected=1, next=2)):
                pass


async def known(store: CatalogStore, text: str) -> bool:
    """Whether the vector of a text is there."""
    return bool(await store.vectors(TENANT, EMBEDDER, [text_hash("", text)]))

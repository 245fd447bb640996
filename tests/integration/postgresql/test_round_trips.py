"""How often the catalog waits for the database: a round trip costs what a query of it costs, or more."""

from collections.abc import AsyncIterator

import pytest

from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord
from ragstone_server.spi.generations import FIRST
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import Position
from ragstone_server.spi.sources import SourceMove, SourceName
from ragstone_server.testing.conformance.catalog_samples import (
    EMBEDDER,
    NAME,
    NOW,
    SETTINGS,
    TENANT,
    Follower,
    content,
    fields,
    put,
    text_hash,
)
from tests.integration.postgresql.conftest import OpenStore
from tests.integration.postgresql.counting import FLUSH, Counted, counting

BEGIN, LOCK, VERSIONS, WRITE_AND_COMMIT = 1, 1, 1, 1
GROUP_COMMIT = BEGIN + LOCK + VERSIONS + WRITE_AND_COMMIT


@pytest.fixture
async def counted_store(catalog_url: str, open_store: OpenStore) -> AsyncIterator[tuple[CatalogStore, Counted]]:
    """A store whose connections are open, and what it says from now on."""
    async with counting(catalog_url) as (url, counted), open_store(url, min_connections=2, max_connections=2) as store:
        collection = await store.create_collection(NAME, SETTINGS, NOW)
        await put(store, collection.key, "first", "ferry")
        counted.clear()
        yield store, counted


async def collection_of(store: CatalogStore, counted: Counted) -> CollectionRecord:
    record = await store.collection(NAME)
    assert counted.round_trips == 1
    counted.clear()
    return record


@pytest.mark.parametrize("passages", [1, 40])
async def test_the_passages_of_a_query_are_one_round_trip(
    counted_store: tuple[CatalogStore, Counted], passages: int
) -> None:
    """Whatever their number, and with their texts, documents and metadata."""
    store, counted = counted_store
    collection = await collection_of(store, counted)
    long = "".join(f"word {n} " for n in range(2000))  # several blocks each
    for document in ("a", "b"):
        await put(store, collection.key, document, *(f"{n} {long}" for n in range(passages)))
    follower = Follower(store, collection.key)
    await follower.catch_up()
    counted.clear()
    found = await store.passages(collection.key, follower.passages())
    assert len(found) == 2 * passages + 1
    assert all(each.passage.text.endswith(long) for each in found.values() if each.passage.document != "first")
    assert counted.round_trips == 1
    assert counted.asked[FLUSH] == 0, "nor did it wait within"


async def test_what_callers_read_is_one_round_trip_each(counted_store: tuple[CatalogStore, Counted]) -> None:
    store, counted = counted_store
    collection = await collection_of(store, counted)
    follower = Follower(store, collection.key)
    await follower.catch_up()
    (passage,) = await follower.stored()
    counted.clear()
    reads = (
        lambda: store.collection(NAME),
        lambda: store.collections(None, "", 10),
        lambda: store.heads(),
        lambda: store.document(collection.key, DocumentId("first")),
        lambda: store.documents(collection.key, "", 10),
        lambda: store.document_count(collection.key),
        lambda: store.versions(collection.key, [DocumentId(f"{n}") for n in range(100)]),
        lambda: store.vectors(TENANT, EMBEDDER, [text_hash("", f"{n}") for n in range(100)]),
        lambda: store.neighbours(passage.passage.content_key, FIRST, 0, 10),
        lambda: store.followers(collection.key),
        lambda: store.prompts.active(collection.key),
        lambda: store.questions.questions(collection.key, 10),
    )
    for number, read in enumerate(reads, 1):
        await read()
        assert counted.round_trips == number


@pytest.mark.parametrize("documents", [1, 8, 64])
async def test_a_group_commit_takes_as_many_whatever_it_holds(
    counted_store: tuple[CatalogStore, Counted], documents: int
) -> None:
    """New documents, new versions, moves, deletions and fences, each with several passages."""
    store, counted = counted_store
    collection = await collection_of(store, counted)
    names = [DocumentId(f"{n}") for n in range(documents)]
    for version in (1, 2):
        async with store.transaction(collection.key) as transaction:
            stored = await transaction.versions(names)
            assert len(stored) == (documents if version == 2 else 0)
            for number, each in enumerate(names):
                if version == 2 and number % 4 == 1:
                    await transaction.put_document(each, version, fields(uri="moved"), None, NOW)
                elif version == 2 and number % 4 == 2:
                    await transaction.delete_document(each, version, NOW)
                else:
                    new = content(*(f"{each} {version} {n}" for n in range(5)))
                    await transaction.put_document(each, version, fields(), new, NOW)
            await transaction.put_fence(DocumentId("never came"), version, NOW)
        assert counted.round_trips == GROUP_COMMIT
        counted.clear()
    assert await store.document_count(collection.key) == 1 + documents - len(names[2::4])


async def test_documents_of_a_source_take_no_more_than_others(counted_store: tuple[CatalogStore, Counted]) -> None:
    store, counted = counted_store
    collection = await collection_of(store, counted)
    claim = await store.sources.claim(SourceName("log"))
    counted.clear()
    names = [DocumentId(f"{n}") for n in range(20)]
    async with store.sources.transaction(
        [collection.key], SourceMove(claim=claim, expected=None, next=20)
    ) as transaction:
        opened = transaction.collections[collection.key]
        await opened.versions(names)
        for each in names:
            await opened.put_document(each, 1, fields(), content(each), NOW)
    assert counted.round_trips == GROUP_COMMIT + 1, "the move of the source, before the lock"


async def test_what_a_transaction_cannot_hold_at_once_takes_more(
    counted_store: tuple[CatalogStore, Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document of any size is sent in portions, each of which takes two at most."""
    store, counted = counted_store
    collection = await collection_of(store, counted)
    monkeypatch.setattr("ragstone_plugins.postgresql.portions.MOST_BYTES", 20_000)
    monkeypatch.setattr("ragstone_plugins.postgresql.cuts.MOST_ROWS", 20)
    pieces = [f"{n} " + "".join(chr(33 + n * m * m % 9000) for m in range(1500)) for n in range(50)]
    await put(store, collection.key, "large", *pieces)
    assert counted.round_trips > GROUP_COMMIT
    follower = Follower(store, collection.key)
    await follower.catch_up()
    assert follower.texts() == sorted(["ferry", *pieces])
    assert all(passage.vector is not None for change in follower.documents.values() for passage in change.passages)


async def test_a_look_for_changes_is_one_round_trip(counted_store: tuple[CatalogStore, Counted]) -> None:
    """It is taken twice a second by every process; reading the log comes only after."""
    store, counted = counted_store
    assert [head.head for head in await store.heads()] == [1]
    assert counted.round_trips == 1
    collection = await store.collection(NAME)
    counted.clear()
    batch = await store.changes(collection.key, FIRST, Position(0), 256, texts=True, vectors=EMBEDDER)
    assert len(batch.changes) == 1
    assert counted.round_trips <= 6

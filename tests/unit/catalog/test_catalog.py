"""Group commit, receipts, watermarks and the final read, over the store in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from ragstone_server.catalog.catalog import Catalog
from ragstone_server.catalog.committer import MOST_IN_A_TRANSACTION, Committer
from ragstone_server.catalog.watermark import Watermark
from ragstone_server.catalog.writes import WriteOutcome
from ragstone_server.spi.catalog_store import (
    CatalogTransaction,
    CollectionRecord,
    DocumentFields,
    Generation,
    StoredVersion,
)
from ragstone_server.spi.errors import (
    DocumentNotFound,
    InvalidWatermark,
    StorageFull,
    VersionStale,
)
from ragstone_server.spi.generations import FIRST, GenerationNumber, GenerationState
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import NO_POSITION, CollectionKey, PassageKey, Position
from ragstone_server.spi.visibility import Visibility
from ragstone_server.testing.conformance.catalog_samples import NAME, NOW, SETTINGS, content, fields
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from ragstone_server.testing.memory.catalog_transaction import MemoryTransaction
from ragstone_server.testing.memory.clock import ManualClock
from tests.unit.catalog.storing import RECIPE, upserted

ALL = Visibility(principals=frozenset(), default_readable=True)
A, B = DocumentId("a"), DocumentId("b")


class Watched(MemoryCatalogStore):
    """Counts transactions and may be full."""

    def __init__(self) -> None:
        super().__init__()
        self.transactions = 0
        self.fails_with: Exception | None = None

    @asynccontextmanager
    async def transaction(self, collection: CollectionKey, /) -> AsyncIterator[MemoryTransaction]:
        self.transactions += 1
        async with super().transaction(collection) as transaction:
            await asyncio.sleep(0)
            yield transaction
            if self.fails_with is not None:
                raise self.fails_with


@pytest.fixture
def store() -> Watched:
    return Watched()


@pytest.fixture
def catalog(store: Watched) -> Catalog:
    return Catalog(store, ManualClock())


@pytest.fixture
async def collection(store: Watched) -> CollectionRecord:
    return await store.create_collection(NAME, SETTINGS, NOW)


async def upsert(
    catalog: Catalog,
    collection: CollectionRecord,
    document: DocumentId,
    text: str,
    version: int | None = None,
    of: DocumentFields | None = None,
) -> tuple[WriteOutcome, int]:
    receipt = await upserted(catalog, collection, document, version, of or fields(), content(text))
    return receipt.outcome, receipt.version


async def keys(catalog: Catalog, collection: CollectionRecord) -> list[PassageKey]:
    batch = await catalog.store.changes(collection.key, FIRST, NO_POSITION, 100, texts=False, vectors=None)
    return [passage.key for change in batch.changes for passage in change.passages]


async def test_writes_that_wait_together_share_a_transaction(
    store: Watched, catalog: Catalog, collection: CollectionRecord
) -> None:
    await asyncio.gather(*(upsert(catalog, collection, DocumentId(f"d{i}"), f"text {i}") for i in range(10)))
    assert store.transactions <= 2
    assert await store.document_count(collection.key) == 10


async def test_a_transaction_has_its_bound(store: Watched, catalog: Catalog, collection: CollectionRecord) -> None:
    count = 2 * MOST_IN_A_TRANSACTION + 1
    await asyncio.gather(*(upsert(catalog, collection, DocumentId(f"d{i}"), f"text {i}") for i in range(count)))
    assert store.transactions == 3


async def test_two_writes_of_one_document_take_two_transactions_and_the_second_sees_the_first(
    store: Watched, catalog: Catalog, collection: CollectionRecord
) -> None:
    both = await asyncio.gather(*(upsert(catalog, collection, A, text) for text in ("one", "two")))
    assert both == [(WriteOutcome.STORED, 1), (WriteOutcome.STORED, 2)]
    assert store.transactions == 2


async def test_the_same_document_sent_twice_at_once_is_stored_once(
    catalog: Catalog, collection: CollectionRecord
) -> None:
    both = await asyncio.gather(*(upsert(catalog, collection, A, "one", version=3) for _ in range(2)))
    assert both == [(WriteOutcome.STORED, 3), (WriteOutcome.UNCHANGED, 3)]
    assert len(await keys(catalog, collection)) == 1


async def test_a_write_that_is_refused_fails_alone(
    store: Watched, catalog: Catalog, collection: CollectionRecord
) -> None:
    await upsert(catalog, collection, A, "one", version=5)
    before = store.transactions
    stale, fresh = await asyncio.gather(
        upsert(catalog, collection, A, "two", version=4), upsert(catalog, collection, B, "two"), return_exceptions=True
    )
    assert isinstance(stale, VersionStale)
    assert fresh == (WriteOutcome.STORED, 1)
    assert store.transactions == before + 1


async def test_a_write_that_breaks_fails_alone(store: Watched, collection: CollectionRecord) -> None:
    committer = Committer(store)

    async def breaking(transaction: CatalogTransaction, stored: StoredVersion | None) -> int:
        raise ValueError("a value that the store does not take")

    async def writing(transaction: CatalogTransaction, stored: StoredVersion | None) -> int:
        return await transaction.put_document(B, 1, fields(), content("one"), NOW)

    broken, written = await asyncio.gather(
        committer.run(collection.key, A, breaking), committer.run(collection.key, B, writing), return_exceptions=True
    )
    assert isinstance(broken, ValueError)
    assert written == 1
    assert await store.document_count(collection.key) == 1


@pytest.mark.parametrize("error", [StorageFull(), OSError("broken disk")])
async def test_a_transaction_that_fails_fails_every_write_in_it_and_leaves_nothing(
    store: Watched, catalog: Catalog, collection: CollectionRecord, error: Exception
) -> None:
    store.fails_with = error
    results = await asyncio.gather(
        *(upsert(catalog, collection, document, "one") for document in (A, B)), return_exceptions=True
    )
    assert results == [error, error]
    assert await store.document_count(collection.key) == 0
    store.fails_with = None
    assert await upsert(catalog, collection, A, "one") == (WriteOutcome.STORED, 1)


async def test_who_stops_waiting_does_not_disturb_the_others(store: Watched, collection: CollectionRecord) -> None:
    committer = Committer(store)
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(transaction: CatalogTransaction, stored: StoredVersion | None) -> str:
        entered.set()
        await leave.wait()
        return "written"

    async def quick(transaction: CatalogTransaction, stored: StoredVersion | None) -> str:
        return "written too"

    first = asyncio.create_task(committer.run(collection.key, A, slow))
    await entered.wait()
    gone = asyncio.create_task(committer.run(collection.key, A, quick))
    second = asyncio.create_task(committer.run(collection.key, B, quick))
    await asyncio.sleep(0)
    gone.cancel()
    leave.set()
    assert await asyncio.gather(first, second) == ["written", "written too"]
    await committer.drain()


async def test_a_receipt_names_the_watermark_of_the_write(catalog: Catalog, collection: CollectionRecord) -> None:
    receipt = await upserted(catalog, collection, A, None, fields(), content("one", "two"))
    assert receipt.passages == 2
    fresh = await catalog.collection(NAME)
    assert receipt.watermark.position == fresh.head == 1
    assert catalog.position_of(fresh, str(receipt.watermark)) == 1


async def test_unchanged_content_is_recognised_before_any_work(catalog: Catalog, collection: CollectionRecord) -> None:
    await upsert(catalog, collection, A, "one")
    same = content("one").content_hash
    check = await catalog.check_upsert(await catalog.collection(NAME), A, None, fields(), same)
    assert check.receipt is not None
    assert (check.receipt.outcome, check.receipt.version) == (WriteOutcome.UNCHANGED, 1)
    moved = fields(metadata={"year": 2025.0})
    check = await catalog.check_upsert(await catalog.collection(NAME), A, None, moved, same)
    assert check.kept is not None
    assert check.kept.attributes == moved.attributes
    receipt = await catalog.move(collection, A, None, check.kept, same)
    assert receipt is not None
    assert (receipt.outcome, receipt.version) == (WriteOutcome.UNCHANGED, 2)


async def test_a_version_that_comes_again_with_other_readers_is_never_called_unchanged(
    catalog: Catalog, collection: CollectionRecord
) -> None:
    """Also where both were checked before either was written."""
    await upsert(catalog, collection, A, "one", version=3)
    with pytest.raises(VersionStale):
        await upsert(catalog, collection, A, "one", version=3, of=fields(readers=frozenset({"user:ann"})))
    assert await upsert(catalog, collection, A, "one", version=3) == (WriteOutcome.UNCHANGED, 3)


async def test_moving_what_was_replaced_meanwhile_writes_nothing(
    catalog: Catalog, collection: CollectionRecord
) -> None:
    await upsert(catalog, collection, A, "one")
    assert await catalog.move(collection, A, None, fields(), content("another").content_hash) is None
    assert (await catalog.collection(NAME)).head == 1


async def test_a_deletion_leaves_a_fence_that_keeps_late_versions_out(
    catalog: Catalog, collection: CollectionRecord
) -> None:
    await upsert(catalog, collection, A, "one", version=3)
    assert (await catalog.delete(collection, A, 7)).outcome is WriteOutcome.DELETED
    with pytest.raises(VersionStale):
        await upsert(catalog, collection, A, "one", version=6)
    with pytest.raises(DocumentNotFound, match="there is no document 'a'") as caught:
        await catalog.delete(collection, A, None)
    assert caught.value.metadata == {"document": "a"}
    assert await upsert(catalog, collection, A, "one", version=8) == (WriteOutcome.STORED, 8)


async def test_the_final_read_drops_deleted_superseded_and_unreadable(
    catalog: Catalog, collection: CollectionRecord
) -> None:
    await upsert(catalog, collection, A, "one")
    await upsert(catalog, collection, B, "two", of=fields(readers=["group:staff"]))
    old, hidden = await keys(catalog, collection)
    staff = replace(ALL, principals=frozenset({"group:staff"}))

    async def read(visibility: Visibility, as_of: int) -> set[PassageKey]:
        return set(await catalog.read_passages(collection, [old, hidden], visibility, Position(as_of)))

    assert await read(ALL, 2) == {old}
    assert await read(staff, 2) == {old, hidden}
    await upsert(catalog, collection, A, "newer")
    assert await read(staff, 2) == {old, hidden}, "views that have not passed the change may still propose it"
    assert await read(staff, 3) == {hidden}
    await catalog.delete(collection, B, None)
    assert await read(staff, 2) == {old}


async def test_what_was_cut_for_other_generations_is_worked_out_again(
    catalog: Catalog, collection: CollectionRecord
) -> None:
    """Vectors of two embedders are never mixed, and no generation lacks a document."""
    await upsert(catalog, collection, A, "one")
    second = GenerationNumber(2)
    other = replace(content("two").cuts[FIRST], generation=Generation(embedder="another", chunker="c1"))
    mixed = replace(content("two"), cuts={FIRST: other})
    assert await catalog.commit(catalog.writes.upsert(collection, B, None, fields(), mixed, RECIPE)) is None
    async with catalog.store.transaction(collection.key) as transaction:
        await transaction.add_generation(other.generation, RECIPE, GenerationState.BUILDING, NOW)
    assert await catalog.commit(catalog.writes.upsert(collection, B, None, fields(), content("two"), RECIPE)) is None
    assert (await catalog.collection(NAME)).head == 1
    both = replace(content("two"), cuts={**content("two").cuts, second: other})
    receipt = await upserted(catalog, collection, B, None, fields(), both)
    assert (receipt.outcome, receipt.passages) == (WriteOutcome.STORED, 1)
    while await catalog.store.drop_generation(collection.key, second, 10):
        pass
    assert (await upserted(catalog, collection, A, None, fields(), both)).outcome is WriteOutcome.STORED


def test_a_watermark_survives_the_wire() -> None:
    watermark = Watermark(epoch="0a-9f", collection=CollectionKey(258), position=Position(2**40))
    assert Watermark.parse(str(watermark)) == watermark


def test_watermarks_of_a_collection_sort_as_text() -> None:
    tokens = [str(Watermark(epoch="e", collection=CollectionKey(1), position=Position(2**i))) for i in range(60)]
    assert tokens == sorted(tokens)


@pytest.mark.parametrize(
    "token", ["", "w1", "w1.e.1.1", "w2.e.00000001.0000000000000001", "w1.E.00000001.0000000000000001 "]
)
def test_a_malformed_watermark_is_refused(token: str) -> None:
    with pytest.raises(InvalidWatermark):
        Watermark.parse(token)


@pytest.mark.parametrize(
    "change", [{"epoch": "another"}, {"collection": CollectionKey(99)}, {"position": Position(10)}], ids=str
)
async def test_a_watermark_of_elsewhere_or_of_the_future_is_refused(
    catalog: Catalog, collection: CollectionRecord, change: dict[str, Any]
) -> None:
    token = str(replace(catalog.watermark(collection, Position(0)), **change))
    with pytest.raises(InvalidWatermark):
        catalog.position_of(collection, token)

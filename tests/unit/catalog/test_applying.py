"""What a source says, applied in its order."""

import asyncio
from collections.abc import Iterable, Mapping

import pytest

from ragstone_server.catalog.applying import OutOfDate
from ragstone_server.catalog.catalog import Catalog
from ragstone_server.catalog.lookups import Shared
from ragstone_server.catalog.writes import Write, WriteOutcome, WriteReceipt
from ragstone_server.registry.clock import SystemClock
from ragstone_server.spi.catalog_store import CollectionRecord, StoredVersion
from ragstone_server.spi.errors import RequestError
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.reasons import Reason
from ragstone_server.spi.sources import DeadLetterId, NewDeadLetter, SourceClaim, SourceLost, SourceMove, SourceName
from ragstone_server.testing.conformance.catalog_samples import NAME, NOW, SETTINGS, content, fields
from ragstone_server.testing.conformance.catalog_sources import letter
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from ragstone_server.testing.memory.catalog_transaction import MemoryTransaction
from tests.unit.catalog.storing import RECIPE, upserted

A, B = DocumentId("a"), DocumentId("b")
SOURCE = SourceName("log/0")


@pytest.fixture
def catalog() -> Catalog:
    return Catalog(MemoryCatalogStore(), SystemClock())


@pytest.fixture
async def collection(catalog: Catalog) -> CollectionRecord:
    return await catalog.store.create_collection(NAME, SETTINGS, NOW)


@pytest.fixture
async def claim(catalog: Catalog) -> SourceClaim:
    return await catalog.store.sources.claim(SOURCE)


def put(catalog: Catalog, collection: CollectionRecord, document: DocumentId, text: str, version: int | None) -> Write:
    return catalog.writes.upsert(collection, document, version, fields(), content(text), RECIPE)


def no_letter(number: int, error: RequestError) -> NewDeadLetter | None:
    return None


def receipts(outcomes: list[object]) -> list[tuple[WriteOutcome, int]]:
    return [(each.outcome, each.version) for each in outcomes if isinstance(each, WriteReceipt)]


async def test_steps_are_carried_out_in_order_with_the_move(
    catalog: Catalog, collection: CollectionRecord, claim: SourceClaim
) -> None:
    steps = [
        put(catalog, collection, A, "one", None),
        put(catalog, collection, B, "two", None),
        put(catalog, collection, A, "three", None),
        catalog.writes.delete(collection, B, None),
        put(catalog, collection, B, "four", 9),
    ]
    outcomes = await catalog.apply(SourceMove(claim=claim, expected=None, next=5), steps, no_letter)
    stored, deleted = WriteOutcome.STORED, WriteOutcome.DELETED
    assert receipts(list(outcomes)) == [(stored, 1), (stored, 1), (stored, 2), (deleted, 1), (stored, 9)]
    assert await catalog.store.sources.positions("") == {SOURCE: 5}
    versions = await catalog.store.versions(collection.key, [A, B])
    assert {document: version.version for document, version in versions.items()} == {A: 2, B: 9}


async def test_a_step_that_is_refused_leaves_a_letter_or_nothing(
    catalog: Catalog, collection: CollectionRecord, claim: SourceClaim
) -> None:
    def letter_of(number: int, error: RequestError) -> NewDeadLetter | None:
        return None if error.reason is Reason.VERSION_STALE else letter(number, SOURCE)

    steps = [
        put(catalog, collection, A, "one", 5),
        put(catalog, collection, A, "two", 4),
        letter(2, SOURCE),
        catalog.writes.delete(collection, B, None),
    ]
    outcomes = await catalog.apply(SourceMove(claim=claim, expected=None, next=4), steps, letter_of)
    assert [type(outcome).__name__ for outcome in outcomes] == [
        "WriteReceipt",
        "VersionStale",
        "NewDeadLetter",
        "NewDeadLetter",
    ]
    kept = await catalog.store.sources.dead_letters(DeadLetterId(0), 10)
    assert [each.letter.offset for each in kept] == [2, 3]


async def test_a_step_that_no_longer_fits_writes_nothing_of_any(
    catalog: Catalog, collection: CollectionRecord, claim: SourceClaim
) -> None:
    await upserted(catalog, collection, A, None, fields(), content("one"))
    steps = [
        put(catalog, collection, B, "two", None),
        put(catalog, collection, A, "other", None),
        catalog.writes.move(collection, A, None, fields(), content("one").content_hash),
    ]
    with pytest.raises(OutOfDate) as caught:
        await catalog.apply(SourceMove(claim=claim, expected=None, next=3), steps, no_letter)
    assert caught.value.step == 2
    assert await catalog.store.sources.positions("") == {}
    assert await catalog.store.document(collection.key, B) is None


async def test_steps_of_a_collection_that_is_gone_are_worked_out_again(
    catalog: Catalog, collection: CollectionRecord, claim: SourceClaim
) -> None:
    step = put(catalog, collection, A, "one", None)
    await catalog.store.delete_collection(collection.key, force=True)
    with pytest.raises(OutOfDate):
        await catalog.apply(SourceMove(claim=claim, expected=None, next=1), [step], no_letter)


async def test_p2_a_former_holder_writes_nothing(
    catalog: Catalog, collection: CollectionRecord, claim: SourceClaim
) -> None:
    await catalog.store.sources.claim(SOURCE)
    with pytest.raises(SourceLost):
        await catalog.apply(
            SourceMove(claim=claim, expected=None, next=1), [put(catalog, collection, A, "one", None)], no_letter
        )
    assert await catalog.store.document_count(collection.key) == 0


async def test_a_tombstone_deletes_in_any_scheme_and_keeps_the_version(
    catalog: Catalog, collection: CollectionRecord
) -> None:
    await upserted(catalog, collection, A, 7, fields(), content("one"))
    receipt = await catalog.commit(catalog.writes.delete(collection, A, None, tombstone=True))
    assert receipt is not None
    assert (receipt.outcome, receipt.version) == (WriteOutcome.DELETED, 7)


async def test_what_comes_twice_is_read_again_only_after_a_write(
    catalog: Catalog, collection: CollectionRecord, claim: SourceClaim, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upserted(catalog, collection, A, 3, fields(), content("one"))
    asked: list[list[DocumentId]] = []
    versions = MemoryTransaction.versions

    async def counted(
        self: MemoryTransaction, documents: Iterable[DocumentId], /
    ) -> Mapping[DocumentId, StoredVersion]:
        asked.append(sorted(documents))
        return await versions(self, asked[-1])

    monkeypatch.setattr(MemoryTransaction, "versions", counted)
    steps = [
        put(catalog, collection, A, "one", 3),
        put(catalog, collection, A, "one", 3),
        put(catalog, collection, A, "one", 2),
        put(catalog, collection, A, "two", 4),
        put(catalog, collection, A, "two", 4),
        put(catalog, collection, A, "two", 3),
        catalog.writes.delete(collection, A, 5),
        catalog.writes.delete(collection, A, 6),
        put(catalog, collection, A, "three", 6),
        put(catalog, collection, A, "three", 7),
    ]
    outcomes = await catalog.apply(SourceMove(claim=claim, expected=None, next=10), steps, no_letter)
    said = [each.outcome if isinstance(each, WriteReceipt) else type(each).__name__ for each in outcomes]
    unchanged, stored, deleted = WriteOutcome.UNCHANGED, WriteOutcome.STORED, WriteOutcome.DELETED
    stale = "VersionStale"
    assert said == [unchanged, unchanged, stale, stored, unchanged, stale, deleted, deleted, stale, stored]
    assert asked == [[A]] * 4


async def test_reads_that_wait_together_share_a_round_trip() -> None:
    asked: list[list[int]] = []
    go = asyncio.Event()

    async def ask(keys: list[int]) -> Mapping[int, str]:
        asked.append(keys)
        await go.wait()
        if 13 in keys:
            raise ConnectionError
        return {key: str(key) for key in keys if key % 2}

    shared = Shared(ask)
    first = asyncio.create_task(shared.get(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(shared.get(key)) for key in (2, 3, 3)]
    await asyncio.sleep(0)
    others[1].cancel()
    go.set()
    assert await first == "1"
    assert await others[0] is None
    assert await others[2] == "3"
    assert asked == [[1], [2, 3]]
    assert shared.idle
    with pytest.raises(ConnectionError):
        await shared.get(13)
    assert await shared.get(5) == "5"

"""The part of the catalog store's suite about transactions: versions, fences, deletion, rollback."""

import asyncio

import pytest

from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord, Generation, StoredVersion, VectorsMissing
from ragstone_server.spi.errors import DocumentNotFound
from ragstone_server.spi.generations import GenerationState
from ragstone_server.spi.names import DocumentId
from ragstone_server.testing.conformance.catalog_samples import (
    EMBEDDER,
    LATER,
    NOW,
    SETTINGS,
    TENANT,
    Failure,
    Follower,
    content,
    delete,
    fail_after,
    fields,
    head,
    name,
    put,
    text_hash,
)

A, B, C = DocumentId("a"), DocumentId("b"), DocumentId("c")


class WriteTests:
    """What a transaction writes, and what is left when it fails."""

    async def test_versions_tell_what_is_stored(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Inside a transaction its own writes too, outside of it only what is committed."""
        await put(store, collection.key, A, "ferry", version=7)
        record = await store.document(collection.key, A)
        assert record is not None
        stored = StoredVersion(
            version=7,
            deleted=False,
            content_hash=content("ferry").content_hash,
            document_key=record.key,
            fields=record.fields,
            passages=1,
        )
        assert await store.versions(collection.key, [A, B]) == {A: stored}
        async with store.transaction(collection.key) as transaction:
            assert await transaction.versions(iter([A, B])) == {A: stored}
            await transaction.put_document(B, 3, fields(), content("island"), NOW)
            assert set(await transaction.versions([A, B])) == {A, B}
            assert set(await store.versions(collection.key, [A, B])) == {A}
        assert set(await store.versions(collection.key, iter([A, B, B]))) == {A, B}

    async def test_p2_a_deletion_leaves_a_fence(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """With its version and nothing else; writing the document lifts it."""
        await put(store, collection.key, A, "ferry", version=4)
        await delete(store, collection.key, A, version=6)
        fence = StoredVersion(version=6, deleted=True, content_hash=b"", document_key=None)
        assert await store.versions(collection.key, [A, B]) == {A: fence}
        async with store.transaction(collection.key) as transaction:
            assert await transaction.versions([A]) == {A: fence}
        await put(store, collection.key, A, "ferry", version=8)
        assert (await store.versions(collection.key, [A]))[A].version == 8
        await delete(store, collection.key, A, version=9)
        assert (await store.versions(collection.key, [A]))[A].version == 9

    async def test_p2_a_fence_stands_for_what_never_came(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """It is no document and no change; a later one replaces it; it is of its collection alone."""
        other = await store.create_collection(name("other"), SETTINGS, NOW)
        for version in (5, 9):
            async with store.transaction(collection.key) as transaction:
                await transaction.put_fence(A, version, NOW)
        assert (await store.versions(collection.key, [A]))[A] == StoredVersion(
            version=9, deleted=True, content_hash=b"", document_key=None
        )
        assert not await store.versions(other.key, [A])
        assert await store.document(collection.key, A) is None
        assert await head(store, collection) == 0

    async def test_many_documents_at_once(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """More than a statement takes with ease."""
        documents = [DocumentId(f"document {number}") for number in range(1200)]
        async with store.transaction(collection.key) as transaction:
            for number, document in enumerate(documents):
                if number % 2:
                    await transaction.put_document(document, number, fields(), content("ferry"), NOW)
                else:
                    await transaction.put_fence(document, number, NOW)
        versions = await store.versions(collection.key, documents)
        assert [versions[document].version for document in documents] == list(range(1200))
        assert [versions[document].deleted for document in documents[:4]] == [True, False, True, False]

    async def test_unchanged_content_moves_with_its_document(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """Version, metadata and readers change; passages keep their keys."""
        await put(store, collection.key, A, "ferry", version=1)
        follower = Follower(store, collection.key)
        await follower.catch_up()
        keys = follower.passages()
        moved = fields(metadata={"colour": "red"}, readers=["user:ada"], uri="https://example.org/a")
        position = await put(store, collection.key, A, version=2, of=moved)
        await follower.catch_up()
        assert (follower.passages(), follower.position) == (keys, position)
        assert [change.attributes for change in follower.documents.values()] == [moved.attributes]
        (stored,) = await follower.stored()
        assert (stored.superseded, stored.attributes, stored.passage.version) == (None, moved.attributes, 2)
        assert stored.passage.uri == moved.uri
        assert (await store.versions(collection.key, [A]))[A].content_hash == content("ferry").content_hash

    async def test_content_of_nothing_cannot_stay(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Nor can a document be deleted that is not there; the transaction goes on without."""
        async with store.transaction(collection.key) as transaction:
            with pytest.raises(DocumentNotFound):
                await transaction.put_document(A, 1, fields(), None, NOW)
            with pytest.raises(DocumentNotFound):
                await transaction.delete_document(A, 1, NOW)
            await transaction.put_document(B, 1, fields(), content("ferry"), NOW)
        assert set(await store.versions(collection.key, [A, B])) == {B}
        assert await head(store, collection) == 1

    async def test_p9_a_deleted_document_is_gone_at_once(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """Present and superseded passages, and the vectors that no other passage of the tenant uses."""
        await put(store, collection.key, A, "ferry", "island", version=1)
        follower = Follower(store, collection.key)
        await follower.catch_up()
        await put(store, collection.key, A, "ferry", "winter", version=2)
        await put(store, collection.key, B, "winter")
        keys = follower.passages()
        await follower.catch_up()
        await delete(store, collection.key, A, version=3)
        stored = await store.passages(collection.key, [*keys, *follower.passages()])
        assert [each.passage.document for each in stored.values()] == [B]
        assert await store.document(collection.key, A) is None
        hashes = [text_hash("", word) for word in ("ferry", "island", "winter")]
        assert set(await store.vectors(TENANT, EMBEDDER, hashes)) == {hashes[2]}
        await follower.catch_up()
        assert follower.texts() == ["winter"]

    async def test_keys_are_never_used_again(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """A stale view must not find another document under a key that it remembers."""
        seen: set[int] = set()
        documents: set[int] = set()
        for version in range(1, 8, 2):
            await put(store, collection.key, A, "ferry", "island", version=version)
            follower = Follower(store, collection.key)
            await follower.catch_up()
            assert seen.isdisjoint(follower.passages())
            assert documents.isdisjoint(follower.documents)
            seen.update(follower.passages())
            documents.update(follower.documents)
            await delete(store, collection.key, A, version=version + 1)
            at = await head(store, collection)
            await store.retire(collection.key, at, at, NOW)

    async def test_a_failed_transaction_leaves_nothing(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Neither documents, contents, vectors, changes, fences nor a generation."""
        await put(store, collection.key, A, "ferry")
        await put(store, collection.key, C, "dog")
        before = await store.collection(collection.name)
        follower = Follower(store, collection.key)
        await follower.catch_up()

        async def write() -> None:
            async with store.transaction(collection.key) as transaction:
                await transaction.add_generation(Generation(embedder="x", chunker="y"), None, GenerationState.LIVE, NOW)
                await transaction.delete_document(C, 2, NOW)
                await transaction.put_fence(DocumentId("d"), 1, NOW)
                await transaction.put_document(A, 2, fields(), content("island"), NOW)
                await fail_after(transaction, B, "winter")

        with pytest.raises(Failure):
            await write()
        assert await store.collection(collection.name) == before
        assert {k: v.version for k, v in (await store.versions(collection.key, [A, B, C])).items()} == {A: 1, C: 1}
        assert not await store.vectors(TENANT, EMBEDDER, [text_hash("", "winter"), text_hash("", "island")])
        assert [each.superseded for each in await follower.stored()] == [None, None]
        fresh = Follower(store, collection.key)
        await fresh.catch_up()
        assert fresh.plain() == follower.plain()
        assert await put(store, collection.key, B, "captain") == 3

    async def test_a_cancelled_transaction_leaves_nothing(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """And the next one begins at once."""
        inside = asyncio.Event()

        async def write() -> None:
            async with store.transaction(collection.key) as transaction:
                await transaction.put_document(A, 1, fields(), content("ferry"), NOW)
                inside.set()
                await asyncio.sleep(3600)

        task = asyncio.create_task(write())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not await store.versions(collection.key, [A])
        assert await put(store, collection.key, B, "island") == 1

    async def test_cancelling_at_any_step_is_all_or_nothing(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """Whatever the step, the store goes on, and a transaction is there as a whole or not at all."""

        async def write(version: int) -> None:
            async with store.transaction(collection.key) as transaction:
                await transaction.put_document(A, version, fields(), content("ferry"), LATER)
                await transaction.put_document(B, version, fields(), content("island"), LATER)

        await write(1)
        for steps in range(40):
            task = asyncio.create_task(write(steps + 2))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            versions = await store.versions(collection.key, [A, B])
            assert versions[A].version == versions[B].version
        await write(100)
        assert (await store.versions(collection.key, [A]))[A].version == 100

    async def test_a_passage_never_lacks_its_vector(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """A vector that was known when the document was prepared may be gone when it is written."""
        await put(store, collection.key, A, "ferry")
        await put(store, collection.key, C, "dog")
        bare = content("ferry", vectors=False)
        async with store.transaction(collection.key) as transaction:
            await transaction.put_document(B, 1, fields(), bare, NOW)
        await delete(store, collection.key, A)
        await delete(store, collection.key, B)
        async with store.transaction(collection.key) as transaction:
            with pytest.raises(VectorsMissing):
                await transaction.put_document(B, 3, fields(), bare, NOW)
            with pytest.raises(VectorsMissing):
                await transaction.put_document(C, 3, fields(), content("ferry", "dog", vectors=False), NOW)
        assert (await store.versions(collection.key, [B]))[B].deleted
        assert (await store.versions(collection.key, [C]))[C].version == 1
        assert await head(store, collection) == 5

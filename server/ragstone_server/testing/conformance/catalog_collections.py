"""The part of the catalog store's suite about collections."""

import uuid
from dataclasses import replace

import pytest

from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord, DefaultReaders, VersionScheme
from ragstone_server.spi.errors import CollectionAlreadyExists, CollectionNotEmpty, CollectionNotFound
from ragstone_server.spi.names import DocumentId, TenantId
from ragstone_server.spi.positions import NO_POSITION, CollectionKey
from ragstone_server.testing.conformance.catalog_samples import (
    EMBEDDER,
    LATER,
    NAME,
    NOW,
    SETTINGS,
    TENANT,
    Follower,
    delete,
    name,
    put,
    text_hash,
)


class CollectionTests:
    """Creating, reading, paging, updating and deleting collections."""

    def test_the_epoch_is_a_uuid(self, store: CatalogStore) -> None:
        """Tokens and files carry it."""
        assert uuid.UUID(store.epoch)

    async def test_a_new_collection_is_empty(self, store: CatalogStore) -> None:
        """Nothing was written yet, and no generation named."""
        created = await store.create_collection(NAME, SETTINGS, NOW)
        assert created == CollectionRecord(
            key=created.key,
            name=NAME,
            settings=SETTINGS,
            generations=(),
            created=NOW,
            updated=NOW,
            head=NO_POSITION,
            trimmed=NO_POSITION,
        )
        assert await store.collection(NAME) == created

    async def test_a_name_is_given_once(self, store: CatalogStore) -> None:
        """The second is refused, and the first stays as it is."""
        created = await store.create_collection(NAME, SETTINGS, NOW)
        with pytest.raises(CollectionAlreadyExists):
            await store.create_collection(NAME, replace(SETTINGS, description="Other."), LATER)
        assert await store.collection(NAME) == created
        assert (await store.create_collection(name("handbook", "other"), SETTINGS, NOW)).key != created.key

    async def test_what_is_not_there_is_not_found(self, store: CatalogStore) -> None:
        """By name and by key; reads of it are empty."""
        unknown = CollectionKey(999)
        with pytest.raises(CollectionNotFound):
            await store.collection(NAME)
        with pytest.raises(CollectionNotFound):
            await store.update_collection(unknown, SETTINGS, NOW)
        with pytest.raises(CollectionNotFound):
            await store.delete_collection(unknown, force=True)
        with pytest.raises(CollectionNotFound):
            async with store.transaction(unknown):
                pytest.fail("there is nothing to write to")
        assert await store.documents(unknown, "", 10) == ()
        assert await store.document(unknown, DocumentId("a")) is None
        assert await store.document_count(unknown) == 0
        assert not await store.versions(unknown, [DocumentId("a")])
        assert not await store.followers(unknown)
        follower = Follower(store, unknown)
        await follower.catch_up()
        await follower.rebuild(10)
        assert (follower.documents, follower.position) == ({}, NO_POSITION)
        await store.put_follower(unknown, "view", NO_POSITION, NOW)
        assert await store.retire(unknown, NO_POSITION, NO_POSITION, NOW) == 0
        assert not await store.followers(unknown)

    async def test_pages_are_in_the_order_of_full_names(self, store: CatalogStore) -> None:
        """By tenant or of all; `a-b` comes before `a` where a slash follows, as text does."""
        names = [name(c, t) for t in ("a", "a-b", "a1") for c in ("z", "b-1", "b", "b_1", "b1")]
        for each in names:
            await store.create_collection(each, SETTINGS, NOW)
        for tenant in (None, TenantId("a"), TenantId("a-b"), TenantId("absent")):
            expected = sorted(str(each) for each in names if tenant in (None, each.tenant))
            for limit in (1, 4, 100):
                found, after = [], ""
                while page := await store.collections(tenant, after, limit):
                    assert len(page) <= limit
                    found += [str(record.name) for record in page]
                    after = found[-1]
                assert found == expected

    async def test_settings_change_and_nothing_else(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Its documents stay, and so does the time of its creation."""
        await put(store, collection.key, "a", "ferry")
        settings = replace(
            SETTINGS,
            description="Новое.",
            default_readers=DefaultReaders.NOBODY,
            version_scheme=VersionScheme.EVENT_TIME,
        )
        updated = await store.update_collection(collection.key, settings, LATER)
        assert updated == replace(collection, settings=settings, updated=LATER, head=updated.head)
        assert updated.head == 1
        assert await store.collection(collection.name) == updated
        assert await store.document_count(collection.key) == 1

    async def test_a_full_collection_is_deleted_only_by_force(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """One whose documents were all deleted is empty."""
        await put(store, collection.key, "a", "ferry")
        with pytest.raises(CollectionNotEmpty):
            await store.delete_collection(collection.key, force=False)
        assert await store.document_count(collection.key) == 1
        await delete(store, collection.key, "a")
        await store.delete_collection(collection.key, force=False)
        with pytest.raises(CollectionNotFound):
            await store.collection(collection.name)

    async def test_p9_a_deleted_collection_leaves_nothing(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """Neither documents nor passages, vectors, fences or followers; another tenant's stay."""
        other = await store.create_collection(name("handbook", "other"), SETTINGS, NOW)
        for key in (collection.key, other.key):
            await put(store, key, "a", "ferry")
            await put(store, key, "b", "island")
            await delete(store, key, "b")
        follower, kept = Follower(store, collection.key), Follower(store, other.key)
        await follower.catch_up()
        await store.put_follower(collection.key, "view", follower.position, NOW)
        await store.delete_collection(collection.key, force=True)
        assert not await store.passages(collection.key, follower.passages())
        assert not await store.vectors(TENANT, EMBEDDER, [text_hash("", "ferry")])
        assert not await store.followers(collection.key)
        await kept.catch_up()
        assert kept.texts() == ["ferry"]
        assert await store.vectors(other.name.tenant, EMBEDDER, [text_hash("", "ferry")])

        again = await store.create_collection(collection.name, SETTINGS, LATER)
        assert again.key > max(collection.key, other.key)
        assert (again.head, again.created) == (NO_POSITION, LATER)
        assert not await store.versions(again.key, [DocumentId("a"), DocumentId("b")])
        assert not await store.followers(again.key)

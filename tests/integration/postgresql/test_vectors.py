"""Collections of a tenant share vectors: one that deletes and one that puts the same text, in every order."""

import asyncio
from dataclasses import dataclass

import psycopg
import pytest

from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord, VectorsMissing
from ragstone_server.spi.names import DocumentId
from ragstone_server.testing.conformance.catalog_samples import (
    EMBEDDER,
    NOW,
    SETTINGS,
    TENANT,
    content,
    delete,
    fields,
    name,
    put,
    text_hash,
)
from tests.integration.postgresql.conftest import OpenStore

A = DocumentId("a")


@dataclass
class Two:
    """Two processes, each of which writes to a collection of its own; the first has the text `ferry`."""

    url: str
    one: CatalogStore
    two: CatalogStore
    deleting: CollectionRecord
    putting: CollectionRecord

    async def deleted(self) -> None:
        """Delete the last passage that has the text, as far as the deleting one knows."""
        await delete(self.one, self.deleting.key, A)

    async def waits(self, task: "asyncio.Task[object]") -> None:
        """Return when the task waits for a lock; it must not end."""
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        async with asyncio.timeout(60), await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
            while await (await connection.execute(waiting)).fetchone() == (0,):
                assert not task.done(), "it did not wait"
                await asyncio.sleep(0.01)

    async def known(self) -> bool:
        """Whether the vector of the text is there."""
        return bool(await self.one.vectors(TENANT, EMBEDDER, [text_hash("", "ferry")]))


@pytest.fixture
async def two(catalog_url: str, open_store: OpenStore):  # type: ignore[no-untyped-def]
    patient = {"lock_seconds": 60, "answer_seconds": 120, "idle_in_transaction_seconds": 120}
    async with open_store(catalog_url, **patient) as one, open_store(catalog_url, **patient) as other:
        deleting, putting = [await one.create_collection(name(c), SETTINGS, NOW) for c in ("deleting", "putting")]
        await put(one, deleting.key, A, "ferry")
        yield Two(catalog_url, one, other, deleting, putting)


@pytest.mark.parametrize("given", [True, False], ids=["with its vector", "leaning on the stored one"])
async def test_who_deletes_waits_for_who_puts_and_leaves_the_vector(two: Two, given: bool) -> None:
    async with two.two.transaction(two.putting.key) as transaction:
        await transaction.put_document(A, 1, fields(), content("ferry", vectors=given), NOW)
        await transaction.versions([A])  # sends what was gathered
        deletion = asyncio.create_task(two.deleted())
        await two.waits(deletion)
    await deletion
    assert await two.known()


async def test_a_stored_vector_is_kept_from_the_look_to_the_commit(two: Two) -> None:
    """The document that leans on it is not even sent yet."""
    async with two.two.transaction(two.putting.key) as transaction:
        await transaction.put_document(A, 1, fields(), content("ferry", vectors=False), NOW)
        deletion = asyncio.create_task(two.deleted())
        await two.waits(deletion)
    await deletion
    assert await two.known()


async def test_who_puts_waits_for_who_deletes_and_brings_the_vector_again(two: Two) -> None:
    async with two.one.transaction(two.deleting.key) as transaction:
        await transaction.delete_document(A, 2, NOW)
        await transaction.versions([A])
        putting = asyncio.create_task(put(two.two, two.putting.key, A, "ferry"))
        await two.waits(putting)
    await putting
    assert await two.known()


async def test_who_leans_on_a_vector_that_is_being_deleted_is_told(two: Two) -> None:
    async def lean() -> None:
        async with two.two.transaction(two.putting.key) as transaction:
            await transaction.put_document(A, 1, fields(), content("ferry", vectors=False), NOW)

    async with two.one.transaction(two.deleting.key) as transaction:
        await transaction.delete_document(A, 2, NOW)
        await transaction.versions([A])
        leaning = asyncio.create_task(lean())
        await two.waits(leaning)
    with pytest.raises(VectorsMissing):
        await leaning
    assert not await two.known()
    assert not await two.two.versions(two.putting.key, [A])


async def test_vectors_of_another_tenant_are_its_own(two: Two) -> None:
    other = await two.two.create_collection(name("putting", "other"), SETTINGS, NOW)
    async with two.two.transaction(other.key) as transaction:
        await transaction.put_document(A, 1, fields(), content("ferry"), NOW)
        await transaction.versions([A])
        await two.deleted()  # waits for nobody
    assert not await two.known()
    with psycopg.connect(two.url) as connection:
        assert connection.execute("SELECT count(*) FROM vector").fetchone() == (1,)

"""Several processes over one catalog, each with views of its own."""

from datetime import timedelta
from pathlib import Path

import pytest

from ragstone_server.testing.conformance.catalog_samples import put
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from ragstone_server.testing.memory.clock import ManualClock
from tests.unit.indexing.shelf import Shelf, until


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    store = MemoryCatalogStore()
    store.shared = True
    return Shelf(store, tmp_path)


async def test_views_follow_what_another_process_writes(shelf: Shelf) -> None:
    async with shelf.open("one", poll_seconds=0.001) as one, shelf.open("two", poll_seconds=0.001) as two:
        made = await shelf.collection("handbook")
        for indexes in (one, two):
            await until(lambda indexes=indexes: min(indexes.positions().get(made.key, {"": 0}).values()) == 1)
        await put(shelf.store, made.key, "b", "another text")
        for indexes in (one, two):
            await until(lambda indexes=indexes: min(indexes.positions()[made.key].values()) == 2)
    assert set(await shelf.store.followers(made.key)) == {"vectors@one", "words@one", "vectors@two", "words@two"}


async def test_a_process_without_questions_has_no_views(shelf: Shelf) -> None:
    async with shelf.open("consumer", following=False, poll_seconds=0.001) as indexes:
        made = await shelf.collection("handbook")
        indexes.nudge(made)
        await put(shelf.store, made.key, "b", "another text")
    assert indexes.positions() == {}
    assert await shelf.store.followers(made.key) == {}


async def test_the_log_is_kept_for_those_that_live_and_no_others(shelf: Shelf) -> None:
    clock = ManualClock()
    made = await shelf.collection("handbook")
    await shelf.store.put_follower(
        made.key, "words@frozen", (await shelf.store.collection(made.name)).trimmed, clock.now()
    )
    async with shelf.open("one", clock=clock, poll_seconds=0.001, retire_seconds=0.01, follower_hours=1) as indexes:
        async with indexes.pin(made):
            pass
        for label in "bcd":
            await put(shelf.store, made.key, label, "another text")
        await until(lambda: min(indexes.positions()[made.key].values()) == 4)
        assert (await shelf.store.collection(made.name)).trimmed == 0, "one that was seen of late may need it"
        clock.advance(timedelta(hours=2).total_seconds())
        await put(shelf.store, made.key, "e", "another text")
        await until(lambda: "words@frozen" not in shelf.store._states[made.key].followers)

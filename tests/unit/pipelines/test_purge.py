"""Purging: what is touched, what is counted, versions, and every way to be interrupted."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragstone_server.operations.kinds import OperationStopped, Run
from ragstone_server.pipelines import purge as purging
from ragstone_server.pipelines.purge import PurgeDocuments, PurgeRequest
from ragstone_server.spi.catalog_store import DefaultReaders, VersionScheme
from ragstone_server.spi.errors import CatalogUnavailable, CollectionNotFound, InvalidFilter, VersionStale
from ragstone_server.spi.names import CollectionId, CollectionName, DocumentId
from ragstone_server.testing.conformance.samples import CONTEXT
from ragstone_server.transport.convert.filters import parse_filter
from tests.unit.pipelines.house import SETTINGS, House, open_house

ME = frozenset({"user:me"})
ALL = "*"


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purging, "DELETED_AT_ONCE", 3)
    monkeypatch.setattr(purging, "EXAMINED_AT_ONCE", 4)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        yield opened


class Runs:
    """Runs a purge as the runner does, and may stop it at any save."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.purge = PurgeDocuments(house.catalog, house.indexes, parse_filter)
        self.saved = ""
        self.parameters = ""

    async def ask(
        self, filter_: str = ALL, *, force: bool = True, collection: CollectionName = CONTEXT.collection
    ) -> None:
        request = PurgeRequest(collection=collection, filter=filter_, force=force, principals=ME)
        self.parameters = (await self.purge.asked(request)).parameters
        self.saved = ""

    async def run(self, *, stop_after: int | None = None, cancel_after: int | None = None) -> Mapping[str, Any]:
        steps = 0

        async def save(progress: str) -> bool:
            nonlocal steps
            if steps == stop_after:
                raise CatalogUnavailable
            self.saved, steps = progress, steps + 1
            return cancel_after is not None and steps >= cancel_after

        return await self.purge(Run(self.parameters, self.saved, save))

    @property
    def progress(self) -> dict[str, Any]:
        return json.loads(self.saved)  # type: ignore[no-any-return]

    async def left(self) -> set[str]:
        collection = await self.house.store.collection(CONTEXT.collection)
        return {each.document for each in await self.house.store.documents(collection.key, "", 1000)}

    async def fence(self, document: str) -> int:
        collection = await self.house.store.collection(CONTEXT.collection)
        return (await self.house.store.versions(collection.key, [DocumentId(document)]))[DocumentId(document)].version


async def fill(house: House, count: int = 10) -> None:
    for n in range(count):
        await house.put(f"d{n:02}", f"Text {n}.", year=2020 + n % 2)


async def test_a_dry_run_counts_and_names_and_changes_nothing(house: House) -> None:
    await fill(house)
    runs = Runs(house)
    await runs.ask("year = 2021", force=False)
    result = await runs.run()
    names = [f"{CONTEXT.collection}/documents/d{n:02}" for n in (1, 3, 5, 7, 9)]
    assert result == {"matched": 5, "deleted": 0, "skipped": 0, "sample": names, "force": False}
    assert len(await runs.left()) == 10
    assert (runs.progress["examined"], runs.progress["total"]) == (10, 10)


async def test_with_force_they_are_gone(house: House) -> None:
    await fill(house)
    runs = Runs(house)
    await runs.ask("year = 2021")
    result = await runs.run()
    assert (result["matched"], result["deleted"], result["skipped"]) == (5, 5, 0)
    assert await runs.left() == {f"d{n:02}" for n in (0, 2, 4, 6, 8)}
    assert result["sample"] == []
    assert "d0" not in runs.saved, "of what is deleted nothing is kept"
    found = await house.ask("Text", top_k=20)
    assert all(int(each.passage.document[1:]) % 2 == 0 for each in found.passages)


async def test_everything_may_go(house: House) -> None:
    await fill(house)
    runs = Runs(house)
    await runs.ask()
    assert (await runs.run())["deleted"] == 10
    assert await runs.left() == set()
    await runs.ask()
    assert (await runs.run())["matched"] == 0


async def test_what_the_caller_may_not_read_stays_and_is_not_counted(house: House) -> None:
    await house.put("mine", "Text.", readers=ME)
    await house.put("theirs", "Text.", readers=frozenset({"user:you"}))
    await house.put("nobodys", "Text.", readers=frozenset())
    runs = Runs(house)
    await runs.ask()
    result = await runs.run()
    assert result["matched"] == 1
    assert await runs.left() == {"theirs", "nobodys"}


async def test_what_was_written_after_it_was_asked_for_stays(house: House) -> None:
    await fill(house, 3)
    runs = Runs(house)
    await runs.ask("year > 2000")
    await house.put("d01", "A new text.", year=2030)
    await house.put("d50", "Another.", year=2030)
    result = await runs.run()
    assert (result["matched"], result["deleted"]) == (2, 2)
    assert await runs.left() == {"d01", "d50"}


@pytest.mark.parametrize("stop", range(5))
async def test_a_resumed_run_ends_as_one_that_was_not_interrupted(house: House, stop: int) -> None:
    """After each save, with the deletions after it done and unknown."""
    await fill(house)
    runs = Runs(house)
    await runs.ask("year = 2021")
    with pytest.raises(CatalogUnavailable):
        await runs.run(stop_after=stop)
    with suppress(CatalogUnavailable):
        await runs.run(stop_after=1)
    result = await runs.run()
    assert (result["matched"], result["deleted"], result["skipped"]) == (5, 5, 0)
    assert await runs.left() == {f"d{n:02}" for n in (0, 2, 4, 6, 8)}


async def test_a_resumed_run_leaves_what_was_written_meanwhile(house: House) -> None:
    """Documents that match only later, and those that were deleted and came again."""
    await fill(house)
    runs = Runs(house)
    await runs.ask("year = 2021")
    with pytest.raises(CatalogUnavailable):
        await runs.run(stop_after=2)
    pending = {each[0] for each in runs.progress["pending"]}
    assert pending == {"d03", "d05"}, "they were deleted, and that is not saved"
    await house.put("d03", "It came again.", version=9, year=2021)
    await house.put("d07", "It was written once more.", version=9, year=2021)
    await house.put("d08", "It matches only now.", version=9, year=2021)
    await house.put("d99", "It is new.", year=2021)
    result = await runs.run()
    assert await runs.left() == {"d00", "d02", "d03", "d04", "d06", "d07", "d08", "d99"}
    assert (result["deleted"], result["skipped"]) == (4, 0)


async def test_what_changes_between_a_look_and_its_turn_is_skipped(house: House) -> None:
    await fill(house, 3)
    runs = Runs(house)
    await runs.ask()
    delete = house.catalog.commit

    async def commit(write: Any) -> Any:
        if write.document == "d01":
            house.catalog.commit = delete  # type: ignore[method-assign]
            await house.put("d01", "Another text.", version=7)
        return await delete(write)

    house.catalog.commit = commit  # type: ignore[method-assign]
    result = await runs.run()
    assert (result["matched"], result["deleted"], result["skipped"]) == (3, 2, 1)
    assert await runs.left() == {"d01"}


async def test_cancelling_leaves_what_is_done(house: House) -> None:
    await fill(house)
    runs = Runs(house)
    await runs.ask()
    with pytest.raises(OperationStopped):
        await runs.run(cancel_after=2)
    assert (runs.progress["deleted"], len(await runs.left())) == (3, 7)


async def test_fences_are_those_of_a_deletion_without_a_version(house: House) -> None:
    await house.put("a", "Text.", version=5)
    runs = Runs(house)
    await runs.ask()
    await runs.run()
    assert await runs.fence("a") == 5
    with pytest.raises(VersionStale):
        await house.put("a", "Late.", version=5)
    await house.put("a", "Newer.", version=6)


async def test_event_times_are_compared_with_the_time_of_the_purge(house: House) -> None:
    """It is the event time of the deletions, as `DeleteDocument` wants one."""
    collection = await house.store.collection(CONTEXT.collection)
    settings = replace(SETTINGS, version_scheme=VersionScheme.EVENT_TIME)
    await house.store.update_collection(collection.key, settings, house.clock.now())
    future = 2**61
    await house.put("past", "Text.", version=1)
    await house.put("future", "Text.", version=future)
    runs = Runs(house)
    await runs.ask()
    result = await runs.run()
    assert (result["deleted"], result["skipped"]) == (1, 1)
    assert await runs.left() == {"future"}
    assert await runs.fence("past") == json.loads(runs.parameters)["asked"] > 1_700_000_000_000_000


async def test_what_cannot_be_asked_is_refused_before_anything_begins(house: House) -> None:
    runs = Runs(house)
    with pytest.raises(InvalidFilter):
        await runs.ask("year =")
    with pytest.raises(CollectionNotFound):
        await runs.ask(collection=CollectionName(tenant=CONTEXT.collection.tenant, collection=CollectionId("none")))


async def test_a_collection_that_was_made_anew_is_another_one(house: House) -> None:
    runs = Runs(house)
    await runs.ask()
    await house.store.delete_collection((await house.store.collection(CONTEXT.collection)).key, force=True)
    await house.store.create_collection(
        CONTEXT.collection, replace(SETTINGS, default_readers=DefaultReaders.TENANT), house.clock.now()
    )
    await fill(house, 2)
    with pytest.raises(CollectionNotFound):
        await runs.run()
    assert len(await runs.left()) == 2

"""A lost view is declared in every answer until it has again what it had, and in none after that."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ragstone_server.indexing.collection_index import CollectionIndex
from ragstone_server.pipelines.retrieve import Retrieval
from ragstone_server.spi.catalog_store import CollectionRecord
from ragstone_server.spi.generations import FIRST
from ragstone_server.spi.positions import Position
from ragstone_server.spi.views import ChangeBatch
from ragstone_server.testing.conformance.samples import CONTEXT
from tests.unit.pipelines.house import House, open_house


class Held:
    """A house whose followers read the log only when they are let."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.going = asyncio.Event()
        self.going.set()
        changes = house.store.changes

        async def held(*positional: Any, **named: Any) -> ChangeBatch:
            await self.going.wait()
            return await changes(*positional, **named)

        house.store.changes = held  # type: ignore[method-assign]

    async def lose(self) -> str:
        """Fill a collection, lose its views' files, and hold up who fills them again; the watermark of what was there."""
        await self.house.put("ferry", "The ferry to Nordvik leaves at nine.")
        mark = str((await self.house.put("bus", "The bus to Nordvik leaves at ten.")).watermark)
        collection = await self.collection()
        async with self.house.indexes.pin(collection) as index:
            await index.wait_for(Position(2))
            await index.vectors.flush()
            await index.words.flush()
        await self.house.indexes.drop(collection.key)
        self.going.clear()
        return mark

    async def collection(self) -> CollectionRecord:
        return await self.house.catalog.collection(CONTEXT.collection)


@pytest.fixture
async def held(tmp_path: Path) -> AsyncIterator[Held]:
    async with open_house(tmp_path) as house:
        held = Held(house)
        yield held
        held.going.set()


def declared(retrieval: Retrieval) -> list[str]:
    return sorted(degradation.stage for degradation in retrieval.degradations)


async def test_p7_p10_the_first_question_after_the_files_were_lost_is_told(held: Held) -> None:
    mark = await held.lose()
    assert declared(await held.house.ask("ferry")) == ["vectors", "words"]
    held.going.set()
    await held.house.ask("ferry", min_watermark=mark)
    assert declared(await held.house.ask("ferry")) == []


async def test_p7_an_index_that_is_closed_before_it_has_all_again_says_so_when_it_is_opened(held: Held) -> None:
    await held.lose()
    await held.house.ask("ferry")
    await held.house.indexes._close(((await held.collection()).key, FIRST))
    assert declared(await held.house.ask("ferry")) == ["vectors", "words"]


async def test_who_waited_for_the_rebuild_is_told_of_nothing_missing(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = await held.lose()
    wait_for = CollectionIndex.wait_for

    async def let_go_and_wait(index: CollectionIndex, position: Position) -> None:
        held.going.set()
        await wait_for(index, position)

    monkeypatch.setattr(CollectionIndex, "wait_for", let_go_and_wait)
    found = await held.house.ask("ferry to Nordvik", min_watermark=mark)
    assert len(found.passages) == 2
    assert declared(found) == []


async def test_a_view_that_merely_lags_is_not_declared(held: Held) -> None:
    held.going.clear()
    await held.house.put("ferry", "The ferry to Nordvik leaves at nine.")
    assert declared(await held.house.ask("ferry")) == ["vectors", "words"], "it lacks what was there at its opening"
    held.going.set()
    mark = str((await held.house.put("bus", "The bus to Nordvik leaves at ten.")).watermark)
    await held.house.ask("ferry", min_watermark=mark)
    held.going.clear()
    await held.house.put("tram", "The tram to Nordvik leaves at noon.")
    assert declared(await held.house.ask("ferry")) == [], "it lacks the last write alone"

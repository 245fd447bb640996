"""Building a generation: every way to be interrupted, what is written meanwhile, what is refused; and its switching."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ragstone_server.operations.kinds import OperationStopped, Run
from ragstone_server.pipelines import reindex as reindexing
from ragstone_server.pipelines.cutting import Cutter
from ragstone_server.pipelines.generations import FormerGenerations, Generations
from ragstone_server.pipelines.reindex import Reindex, ReindexRequest
from ragstone_server.spi.catalog_store import GenerationNumber, GenerationState
from ragstone_server.spi.errors import (
    CatalogUnavailable,
    GenerationNotFound,
    GenerationNotReady,
    InvalidRequest,
)
from ragstone_server.spi.generation_stages import GenerationStages
from ragstone_server.spi.generations import FIRST, Recipe, StageChoice
from ragstone_server.spi.operations import NewOperation
from ragstone_server.testing.conformance.catalog_samples import Follower
from ragstone_server.testing.conformance.samples import CONTEXT
from ragstone_server.testing.memory.chunker import MemoryChunker
from ragstone_server.testing.memory.embedder import MemoryEmbedder
from tests.unit.pipelines.house import House, open_house

OTHER = StageChoice(use="memory", config='{"dimension": 5}')
SECOND = GenerationNumber(2)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reindexing, "AT_ONCE", 3)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        assert opened.generations is not None
        recipe = Recipe(embedder=OTHER, chunker=opened.generations.recipe.chunker)
        stages = GenerationStages(embedder=MemoryEmbedder(dimension=5), chunker=MemoryChunker())
        opened.generations.know(recipe, stages)
        for n in range(10):
            await opened.put(f"d{n}", f"The bell {n} rings.\nTwice {n}.")
        yield opened


class Runs:
    """Runs a reindex as the runner does, and may stop it at any save."""

    def __init__(self, house: House) -> None:
        assert house.generations is not None
        self.house = house
        self.reindex = Reindex(house.catalog, house.indexes, house.generations, Cutter(house.catalog, 4))
        self.saved = ""
        self.parameters = ""

    async def ask(self, embedder: StageChoice | None = OTHER) -> None:
        request = ReindexRequest(collection=CONTEXT.collection, embedder=embedder, chunker=None)
        self.parameters = (await self.reindex.asked(request)).parameters
        self.saved = ""

    async def run(self, *, stop_after: int | None = None, cancel_after: int | None = None) -> Mapping[str, Any]:
        steps = 0

        async def save(progress: str) -> bool:
            nonlocal steps
            if steps == stop_after:
                raise CatalogUnavailable
            self.saved, steps = progress, steps + 1
            return cancel_after is not None and steps >= cancel_after

        return await self.reindex(Run(self.parameters, self.saved, save))

    async def texts(self) -> list[str]:
        """Of the second generation, all with their vectors."""
        collection = await self.house.catalog.collection(CONTEXT.collection)
        embedder = collection.generation(SECOND).generation.embedder
        follower = Follower(self.house.store, collection.key, generation=SECOND, embedder=embedder)
        await follower.rebuild(100)
        passages = [each for change in follower.documents.values() for each in change.passages]
        assert all(each.vector is not None and each.vector.shape == (5,) for each in passages)
        return follower.texts()

    async def state(self) -> GenerationState:
        return (await self.house.catalog.collection(CONTEXT.collection)).generation(SECOND).state


async def test_it_is_complete_wherever_it_was_stopped(house: House) -> None:
    """After every save, one after the other; what was not saved is done once more, and changes nothing."""
    runs = Runs(house)
    await runs.ask()
    for stop in range(20):
        with suppress(CatalogUnavailable):
            ended = await runs.run(stop_after=stop % 2)
            break
    assert await runs.state() is GenerationState.READY
    assert len(await runs.texts()) == 10
    assert (ended["generation"], ended["collection"]) == (2, str(CONTEXT.collection))
    assert ended["done"] == 10


async def test_one_without_a_stop_counts_each_document_once(house: House) -> None:
    runs = Runs(house)
    await runs.ask()
    ended = await runs.run()
    assert (ended["done"], ended["passages"], ended["embedded"]) == (10, 10, 10)


async def test_what_is_written_meanwhile_is_in_it(house: House) -> None:
    runs = Runs(house)
    await runs.ask()
    with suppress(CatalogUnavailable):
        await runs.run(stop_after=2)
    collection = await house.catalog.collection(CONTEXT.collection)
    for document in ("d0", "d9"):
        await house.put(document, f"{document} is new.")
    await house.catalog.delete(collection, (await house.store.documents(collection.key, "d4", 1))[0].document, None)
    await house.put("late", "The bell is late.")
    await runs.run()
    texts = await runs.texts()
    assert len(texts) == 10
    assert {text.rpartition("\n")[2] for text in texts} >= {"d0 is new.", "d9 is new.", "The bell is late."}


async def test_one_that_is_cancelled_stays_being_built_and_is_gone_on_with(house: House) -> None:
    runs = Runs(house)
    await runs.ask()
    with pytest.raises(OperationStopped):
        await runs.run(cancel_after=2)
    assert await runs.state() is GenerationState.BUILDING
    other = StageChoice(use="memory", config='{"dimension": 7}')
    assert house.generations is not None
    seventh = GenerationStages(embedder=MemoryEmbedder(dimension=7), chunker=MemoryChunker())
    house.generations.know(replace(house.generations.recipe, embedder=other), seventh)
    with pytest.raises(GenerationNotReady, match="is being built"):
        await runs.ask(other)
    await runs.ask()
    assert json.loads(runs.saved or "{}") == {}, "it is another operation"
    assert (await runs.run())["passages"] == 7, "three were done"
    assert await runs.state() is GenerationState.READY


async def test_what_is_there_already_or_cannot_be_opened_is_refused(house: House) -> None:
    runs = Runs(house)
    with pytest.raises(GenerationNotReady, match="is live"):
        await runs.ask(None)
    with pytest.raises(InvalidRequest):
        await runs.ask(StageChoice(use="nobody", config="{}"))
    await runs.ask()
    await runs.run()
    with pytest.raises(GenerationNotReady, match="activate it"):
        await runs.ask()


async def test_a_generation_that_is_deleted_while_it_is_built_ends_the_operation(house: House) -> None:
    runs = Runs(house)
    await runs.ask()
    with suppress(CatalogUnavailable):
        await runs.run(stop_after=2)
    collection = await house.catalog.collection(CONTEXT.collection)
    await house.store.drop_generation(collection.key, SECOND, 100)
    with pytest.raises(GenerationNotFound):
        await runs.run()


async def test_former_generations_are_deleted_when_their_time_is_over(house: House) -> None:
    runs, generations = Runs(house), Generations(house.catalog, house.indexes)
    await runs.ask()
    await runs.run()
    begun: list[NewOperation] = []

    async def begin(operation: NewOperation) -> None:
        begun.append(operation)

    await generations.activate(CONTEXT.collection, SECOND, None)
    await FormerGenerations(house.catalog, generations, begin, hours=2).look()
    assert begun == []
    former = FormerGenerations(house.catalog, generations, begin, hours=1)
    house.clock.now = lambda: type(house.clock)().now() + timedelta(hours=3)  # type: ignore[method-assign]
    await former.look()
    (operation,) = begun
    assert json.loads(operation.parameters)["generation"] == FIRST
    with pytest.raises(GenerationNotReady, match="is live"):
        await generations.delete_asked(CONTEXT.collection, SECOND)

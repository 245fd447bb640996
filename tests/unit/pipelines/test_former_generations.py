"""A generation that has not been live for long is deleted by itself."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from ragstone_server.catalog.catalog import Catalog
from ragstone_server.pipelines.generations import DELETE_GENERATION, FormerGenerations, Generations
from ragstone_server.spi.errors import GenerationNotFound, GenerationNotReady
from ragstone_server.spi.generations import Generation, GenerationNumber, GenerationState
from ragstone_server.spi.operations import NewOperation
from ragstone_server.testing.conformance.samples import CONTEXT
from ragstone_server.testing.memory.clock import ManualClock
from tests.unit.pipelines.house import House, open_house

NAME = CONTEXT.collection


@dataclass
class Desk:
    """What was begun."""

    begun: list[NewOperation] = field(default_factory=list)

    async def begin(self, operation: NewOperation) -> None:
        self.begun.append(operation)


async def add(house: House, state: GenerationState, number: int) -> None:
    """A further generation."""
    key = (await house.catalog.collection(NAME)).key
    async with house.store.transaction(key) as transaction:
        made = Generation(embedder=house.embedder.fingerprint, chunker=f"chunker-{number}")
        await transaction.add_generation(made, None, GenerationState.READY, house.clock.now())
        if state is not GenerationState.READY:
            await transaction.set_generation_state(GenerationNumber(number), state, house.clock.now())


@pytest.mark.parametrize(("hours", "later", "deleted"), [(24, 23, 0), (24, 25, 1), (0, 1000, 0)])
async def test_it_goes_when_its_time_is_over(tmp_path: Path, hours: float, later: int, deleted: int) -> None:
    """Those that are ready stay, however old; 0 hours keep all."""
    async with open_house(tmp_path) as house:
        await house.put("a", "The ferry leaves at nine.")
        await add(house, GenerationState.LIVE, 2)
        await add(house, GenerationState.READY, 3)
        states = [each.state for each in (await house.catalog.collection(NAME)).generations]
        assert states == [GenerationState.FORMER, GenerationState.LIVE, GenerationState.READY]
        catalog = Catalog(house.store, ManualClock(house.clock.now() + timedelta(hours=later)))
        desk, generations = Desk(), Generations(catalog, house.indexes)
        former = FormerGenerations(catalog, generations, desk.begin, hours)
        if hours:
            await former.look()
        else:
            async with former.running(every_s=0.0):
                for _ in range(100):  # turns of the loop, in which it could look
                    await asyncio.sleep(0)
        assert [(each.kind, '"generation": 1' in each.parameters) for each in desk.begun] == [
            (DELETE_GENERATION, True)
        ] * deleted


async def test_what_cannot_be_deleted_or_rolled_back_to_is_refused(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.put("a", "The ferry leaves at nine.")
        generations = Generations(house.catalog, house.indexes)
        with pytest.raises(GenerationNotReady, match="is live; activate another one first"):
            await generations.delete_asked(NAME, GenerationNumber(1))
        with pytest.raises(GenerationNotFound):
            await generations.delete_asked(NAME, GenerationNumber(2))
        with pytest.raises(GenerationNotFound, match="no other generation"):
            await generations.roll_back(NAME, None)

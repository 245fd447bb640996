"""Which generation of a collection's index answers, and the end of those that are of no use any more."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from logging import getLogger

from ragstone_server.catalog.catalog import Catalog
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.operations.kinds import OperationKind, Run, Values
from ragstone_server.spi.catalog_store import (
    CollectionRecord,
    GenerationNumber,
    GenerationRecord,
    GenerationState,
    every_collection,
)
from ragstone_server.spi.errors import CollectionNotFound, GenerationNotFound, GenerationNotReady
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.names import CollectionName
from ragstone_server.spi.operations import NewOperation

logger = getLogger(__name__)

DELETE_GENERATION = "delete-generation"
DELETED_AT_ONCE = 2000
"""Rows of a transaction, so that deleting many does not hold up those who write."""
SPARE_S = 1.0
"""Of the caller's time, what is kept for the answer."""
MAY_ANSWER = (GenerationState.READY, GenerationState.FORMER)


@dataclass(slots=True)
class _Progress:
    deleted: int = 0


class Generations:
    """Activates, rolls back and deletes generations."""

    def __init__(self, catalog: Catalog, indexes: Indexes) -> None:
        self._catalog = catalog
        self._indexes = indexes

    @property
    def kind(self) -> OperationKind:
        """Of deletions, for the runner."""
        return OperationKind(name=DELETE_GENERATION, work=self._delete)

    async def activate(
        self, name: CollectionName, number: GenerationNumber, deadline: float | None
    ) -> GenerationRecord:
        """Have it answer from the next question on; nothing where it does already.

        Waits until the views of this process have all that was written before. Raises `CollectionNotFound`,
        `GenerationNotFound`, and `GenerationNotReady` where it is not complete or its views do not come up in time.
        """
        collection = await self._catalog.collection(name)
        record = collection.generation(number)
        if record.state is GenerationState.LIVE:
            return record
        _check(record)
        if self._indexes.following:
            await self._wait(collection, number, deadline)
        reach(FailPoint.GENERATION_BEFORE_SWITCH)
        async with self._catalog.store.transaction(collection.key) as transaction:
            _check(transaction.collection.generation(number))
            await transaction.set_generation_state(number, GenerationState.LIVE, self._catalog.clock.now())
        reach(FailPoint.GENERATION_AFTER_SWITCH)
        return (await self._catalog.collection(name)).generation(number)

    async def roll_back(self, name: CollectionName, deadline: float | None) -> GenerationRecord:
        """Activate the one that was live before. Raises as `activate`."""
        collection = await self._catalog.collection(name)
        former = [each for each in collection.generations if each.state is GenerationState.FORMER]
        if not former:
            raise GenerationNotFound(f"no other generation of {name} was ever live", metadata={"generation": ""})
        latest = max(former, key=lambda each: (each.activated or each.created, each.number))
        return await self.activate(name, latest.number, deadline)

    async def delete_asked(self, name: CollectionName, number: GenerationNumber) -> NewOperation:
        """The operation to begin. Raises `CollectionNotFound`, `GenerationNotFound`, `GenerationNotReady`."""
        collection = await self._catalog.collection(name)
        if collection.generation(number).state is GenerationState.LIVE:
            raise GenerationNotReady(
                f"generation {number} of {name} is live; activate another one first",
                metadata={"state": GenerationState.LIVE},
            )
        parameters = {"collection": str(name), "key": collection.key, "generation": number}
        return NewOperation(kind=DELETE_GENERATION, parameters=json.dumps(parameters), collection=str(name))

    async def _delete(self, run: Run) -> Values:
        """Some rows are a step; from the first on, nothing is written to it."""
        number = GenerationNumber(run.parameters["generation"])
        collection = await self._catalog.collection(CollectionName.parse(run.parameters["collection"]))
        if collection.key != run.parameters["key"]:
            raise CollectionNotFound("the collection was deleted, and made anew, meanwhile")
        progress = _Progress(**dict(run.progress))
        while deleted := await self._catalog.store.drop_generation(collection.key, number, DELETED_AT_ONCE):
            progress.deleted += deleted
            await run.step(asdict(progress))
        await self._indexes.drop_generation(collection.key, number)
        return {"deleted": progress.deleted}

    async def _wait(self, collection: CollectionRecord, number: GenerationNumber, deadline: float | None) -> None:
        """Raises `GenerationNotReady`."""
        clock = self._catalog.clock
        seconds = None if deadline is None else max(0.0, deadline - clock.monotonic() - SPARE_S)
        async with self._indexes.pin(collection, number) as index:
            try:
                async with asyncio.timeout(seconds):
                    await index.wait_for(collection.head)
            except TimeoutError:
                pass
            behind = [f"{each.name}: {each.trouble}" for each in index.followers.values() if each.trouble]
            behind += [f"{each.name}" for each in index.followers.values() if each.position < collection.head]
        if behind:
            raise GenerationNotReady(
                f"the views of generation {number} are not complete yet; try again later ({', '.join(behind)})",
                metadata={"state": collection.generation(number).state},
            )


def _check(record: GenerationRecord) -> None:
    if record.state not in MAY_ANSWER:
        raise GenerationNotReady(
            f"generation {record.number} is {record.state}, and cannot answer", metadata={"state": record.state}
        )


class FormerGenerations:
    """Has those deleted that have not been live for long."""

    def __init__(
        self,
        catalog: Catalog,
        generations: Generations,
        begin: Callable[[NewOperation], Awaitable[object]],
        hours: float,
    ) -> None:
        """`hours` after another became live; 0: never."""
        self._catalog = catalog
        self._generations = generations
        self._begin = begin
        self._hours = hours

    @asynccontextmanager
    async def running(self, every_s: float = 600.0) -> AsyncIterator[None]:
        """Look now and then, as long as the context."""
        if not self._hours:
            yield
            return
        task = asyncio.create_task(self._look_forever(every_s), name="former-generations")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def look(self) -> None:
        """Begin the deletion of those whose time is over."""
        before = self._catalog.clock.now() - timedelta(hours=self._hours)
        async for collection in every_collection(self._catalog.store):
            live = collection.live
            if live is None or live.activated is None or live.activated > before:
                continue
            for each in collection.generations:
                if each.state is GenerationState.FORMER:
                    logger.info(
                        "generation %d of %s has not been live for long: deleting it", each.number, collection.name
                    )
                    await self._begin(await self._generations.delete_asked(collection.name, each.number))

    async def _look_forever(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001  whatever it is, the next look may succeed
                logger.warning("former generations are looked for later: %s", error)

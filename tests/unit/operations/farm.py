"""Processes over a store in memory, whose operations count sheep in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from ragstone_server.operations.desk import Operations
from ragstone_server.operations.kinds import OperationKind, Run, Values
from ragstone_server.operations.runner import Runner
from ragstone_server.operations.settings import OperationsSettings
from ragstone_server.spi.errors import CatalogUnavailable
from ragstone_server.spi.operations import NewOperation, Operation, OperationClaim, OperationId, OperationState
from ragstone_server.testing.memory.operation_store import MemoryOperationStore

SETTINGS = OperationsSettings(at_once=2)
STEP_S = 10.0


class LoopClock:
    """The virtual loop's time."""

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class Sheep:
    """Counts to `most`, a step every ten seconds; remembers who counted what."""

    def __init__(self) -> None:
        self.counted: list[tuple[str, int]] = []
        self.at_once = self.most_at_once = 0
        self.troubles: dict[int, Exception] = {}

    def kind(self, who: str, name: str = "count-sheep") -> OperationKind:
        async def work(run: Run) -> Values:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            try:
                at = run.progress.get("at", 0)
                while at < run.parameters["most"]:
                    if at in self.troubles:
                        raise self.troubles.pop(at)
                    await asyncio.sleep(STEP_S)
                    at += 1
                    self.counted.append((who, at))
                    await run.step({"at": at})
                return {"sheep": at}
            finally:
                self.at_once -= 1

        return OperationKind(name=name, work=work)


class Store(MemoryOperationStore):
    """May be away, for one runner or for all."""

    def __init__(self) -> None:
        super().__init__()
        self.away: Callable[[OperationClaim | None], bool] = lambda _: False

    async def unfinished(self, after: OperationId, limit: int, /) -> tuple[Operation, ...]:
        self._meet(None)
        return await super().unfinished(after, limit)

    async def beat(self, claim: OperationClaim, /) -> bool:
        self._meet(claim)
        return await super().beat(claim)

    async def save(self, claim: OperationClaim, progress: str, now: datetime, /) -> bool:
        self._meet(claim)
        return await super().save(claim, progress, now)

    async def finish(self, claim: OperationClaim, state: OperationState, now: datetime, /, **end: Any) -> None:
        self._meet(claim)
        await super().finish(claim, state, now, **end)

    def _meet(self, claim: OperationClaim | None) -> None:
        if self.away(claim):
            raise CatalogUnavailable(retry_after_s=1)


class Farm:
    """Several processes over one store."""

    def __init__(self) -> None:
        self.store = Store()
        self.sheep = Sheep()
        self.clock = LoopClock()

    def runner(self, instance: str, *kinds: OperationKind, **settings: Any) -> Runner:
        return Runner(
            self.store,
            kinds or (self.sheep.kind(instance),),
            SETTINGS.model_copy(update=settings),
            self.clock,
            instance,
            shared=True,
        )

    def desk(self, runner: Runner) -> Operations:
        return Operations(self.store, runner, self.clock)

    async def begin(self, most: int = 3, **changed: str) -> OperationId:
        new = NewOperation(**{"kind": "count-sheep", "parameters": f'{{"most": {most}}}', **changed})
        return (await self.store.put(new, self.clock.now())).id

    async def ended(self, operation: OperationId, runner: Runner, seconds: float = 1000) -> Operation:
        return await self.desk(runner).wait(operation, seconds, lambda: False)

    @asynccontextmanager
    async def killed(self, runner: Runner) -> AsyncIterator[Runner]:
        """Runs until the context is left, and ends as by `kill -9`: it writes nothing more."""
        dead = False

        def gone(claim: OperationClaim | None) -> bool:
            return dead

        context = runner.running()
        await context.__aenter__()
        yield runner
        dead, release = True, self.store.release
        self.store.away = gone

        async def silent(claim: OperationClaim, now: datetime, /) -> None:
            return None

        self.store.release = silent  # type: ignore[method-assign]
        await context.__aexit__(None, None, None)
        self.store.away = lambda _: False
        self.store.release = release  # type: ignore[method-assign]

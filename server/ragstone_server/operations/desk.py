"""What callers do with operations: begin, look, wait, cancel, forget."""

import asyncio
from collections.abc import Callable

from ragstone_server.operations.runner import Runner
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import OperationNotFound, OperationRunning
from ragstone_server.spi.operation_store import OperationStore
from ragstone_server.spi.operations import NewOperation, Operation, OperationId

FIRST_LOOK_S = 0.02
LONGEST_LOOK_S = 0.5


class Operations:
    """The operations of a catalog, whichever process runs them."""

    def __init__(self, store: OperationStore, runner: Runner, clock: Clock) -> None:
        self._store = store
        self._runner = runner
        self._clock = clock

    @property
    def instance(self) -> str:
        """This process, for operations that it alone can run."""
        return self._runner.instance

    async def begin(self, operation: NewOperation) -> Operation:
        """Keep it, and have it run; it is on disk when this returns."""
        made = await self._store.put(operation, self._clock.now())
        self._runner.nudge()
        return made

    async def page(self, before: OperationId | None, limit: int) -> tuple[Operation, ...]:
        """Those with ids less than `before` (None: all), the latest first."""
        return await self._store.operations(before, limit)

    async def get(self, operation: OperationId) -> Operation:
        """As it is now. Raises `OperationNotFound`."""
        found = await self._store.operation(operation)
        if found is None:
            raise _not_found(operation)
        return found

    async def cancel(self, operation: OperationId) -> Operation:
        """Have it end before its next step; nothing where it has ended. Raises `OperationNotFound`."""
        found = await self._store.request_cancel(operation, self._clock.now())
        if found is None:
            raise _not_found(operation)
        self._runner.nudge()
        return found

    async def wait(self, operation: OperationId, seconds: float, stopping: Callable[[], bool]) -> Operation:
        """As it is when it has ended, after so many seconds, or where the server stops. Raises `OperationNotFound`."""
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + seconds, FIRST_LOOK_S
        while True:
            found = await self.get(operation)
            left = until - loop.time()
            if found.done or left <= 0 or stopping():
                return found
            await asyncio.sleep(min(pause, left))
            pause = min(LONGEST_LOOK_S, pause * 1.5)

    async def delete(self, operation: OperationId) -> None:
        """Forget one that has ended. Raises `OperationNotFound`, `OperationRunning`."""
        if await self._store.delete(operation):
            return
        found = await self.get(operation)
        raise OperationRunning(
            f"operation {operation} has not ended; cancel it first, and wait", metadata={"state": found.state}
        )


def _not_found(operation: OperationId) -> OperationNotFound:
    return OperationNotFound(f"there is no operation {operation}", metadata={"operation": f"operations/{operation}"})

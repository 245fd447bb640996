"""Finds operations that nobody runs, and runs them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from ragstone_server.operations.attempt import Attempt
from ragstone_server.operations.kinds import OperationKind
from ragstone_server.operations.settings import OperationsSettings
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import CatalogUnavailable
from ragstone_server.spi.operation_store import OperationStore
from ragstone_server.spi.operations import Operation, OperationId

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
SWEEP_S = 3600.0
"""Between two looks for operations that need not be kept any longer."""
_PAGE = 100


class Runner:
    """Runs at most `at_once` operations. Several runners may share a store: a claim decides whose an operation is.

    Whether another runner lives is told by its beats and by this process's own monotonic clock: clocks of two machines are
    never compared.
    """

    def __init__(
        self,
        store: OperationStore,
        kinds: Sequence[OperationKind],
        settings: OperationsSettings,
        clock: Clock,
        instance: str,
        *,
        shared: bool,
    ) -> None:
        """`instance` names this process over its restarts; `shared` says whether other processes may put operations."""
        self.instance = instance
        self._store = store
        self._kinds = {kind.name: kind for kind in kinds}
        self._settings = settings
        self._clock = clock
        self._shared = shared
        self._nudged = asyncio.Event()
        self._tasks: dict[OperationId, asyncio.Task[None]] = {}
        self._heard: dict[OperationId, tuple[int, int, float]] = {}
        """Of operations that others run: epoch and beats, and since when they are so."""
        self._former: set[tuple[OperationId, int]] | None = None
        """Claims of this instance in a former life, once they were looked for: id and epoch."""
        self._swept = float("-inf")

    def nudge(self) -> None:
        """Say that there is a new operation, or one to be cancelled."""
        self._nudged.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Runner"]:
        """Run until the context is left; what has not ended then is let go, for the next process."""
        task = asyncio.create_task(self._run(), name="operations")
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            left = list(self._tasks.values())
            for each in left:
                each.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            self._nudged.clear()
            rest = self._settings.poll_seconds if self._shared else self._settings.takeover_seconds
            try:
                await self._look()
                await self._sweep()
                pause = FIRST_PAUSE_S
            except Exception as error:
                # Why the catalog is away is told where it is noticed.
                away = isinstance(error, CatalogUnavailable)
                logger.warning("operations wait for the catalog: %s", error, exc_info=not away)
                rest, pause = pause, min(LONGEST_PAUSE_S, pause * 2)
            try:
                async with asyncio.timeout(rest):
                    await self._nudged.wait()
            except TimeoutError:
                pass

    async def _look(self) -> None:
        if self._former is None:
            self._former = {(each.id, each.epoch) for each in await self._all() if each.runner == self.instance}
        after, seen = OperationId(0), set()
        while len(self._tasks) < self._settings.at_once:
            page = await self._store.unfinished(after, _PAGE)
            for operation in page:
                seen.add(operation.id)
                if len(self._tasks) < self._settings.at_once and self._free(operation):
                    await self._take(operation)
            if len(page) < _PAGE:
                self._heard = {each: heard for each, heard in self._heard.items() if each in seen}
                return
            after = page[-1].id

    async def _all(self) -> list[Operation]:
        """Those that have not ended."""
        found: list[Operation] = []
        while page := await self._store.unfinished(found[-1].id if found else OperationId(0), _PAGE):
            found += page
        return found

    def _free(self, operation: Operation) -> bool:
        """Whether this process may run it, and nobody else does."""
        if operation.id in self._tasks:
            return False
        ours = operation.new.kind in self._kinds and operation.new.runs_on in ("", self.instance)
        if not ours and not operation.cancel_requested:
            return False  # What is to be cancelled anyone can end.
        if not operation.runner:
            return True
        if self._former and (operation.id, operation.epoch) in self._former:
            return True  # Two processes do not have one data directory: nobody runs it any more.
        now = self._clock.monotonic()
        epoch, beats, since = self._heard.get(operation.id, (0, 0, now))
        if (epoch, beats) != (operation.epoch, operation.beats):
            self._heard[operation.id] = operation.epoch, operation.beats, now
            return False
        return now - since >= self._settings.takeover_seconds

    async def _take(self, operation: Operation) -> None:
        claim = await self._store.claim(operation, self.instance, self._clock.now())
        if claim is None:
            return
        if operation.runner:
            logger.warning("operation %d of %s is taken over", operation.id, operation.runner)
        kind = self._kinds.get(operation.new.kind)
        attempt = Attempt(self._store, operation, claim, kind, self._clock, self._settings.heartbeat_seconds)
        task = asyncio.create_task(attempt.run(), name=f"operation-{operation.id}")
        self._tasks[operation.id] = task
        task.add_done_callback(lambda _: self._ended(operation.id))

    def _ended(self, operation: OperationId) -> None:
        del self._tasks[operation]
        self._heard.pop(operation, None)
        self.nudge()

    async def _sweep(self) -> None:
        now = self._clock.monotonic()
        if now - self._swept < SWEEP_S:
            return
        gone = await self._store.delete_ended(self._clock.now() - timedelta(days=self._settings.keep_days))
        self._swept = now
        if gone:
            logger.info("%d operations that ended long ago are forgotten", gone)

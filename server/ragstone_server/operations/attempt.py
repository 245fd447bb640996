"""One claimed operation, run until it ends, is lost, or the process ends."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ragstone_server.observe.logs import request_id
from ragstone_server.operations.kinds import OperationKind, OperationStopped, Run, Values
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.critical import to_the_end
from ragstone_server.spi.errors import CatalogUnavailable, InternalError, Overloaded, RequestError, StorageFull
from ragstone_server.spi.operation_store import OperationStore
from ragstone_server.spi.operations import Operation, OperationClaim, OperationFailure, OperationLost, OperationState

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
_PASSES = (CatalogUnavailable, Overloaded, StorageFull)


class Attempt:
    """Runs it. `kind` is None for one that is only to be ended because it is cancelled."""

    def __init__(
        self,
        store: OperationStore,
        seen: Operation,
        claim: OperationClaim,
        kind: OperationKind | None,
        clock: Clock,
        heartbeat_s: float,
    ) -> None:
        self._store = store
        self._claim = claim
        self._kind = kind
        self._clock = clock
        self._heartbeat_s = heartbeat_s
        self._run = Run(seen.new.parameters, seen.progress, self._save)
        self._run.cancel_requested = seen.cancel_requested
        self._what = f"operation {seen.id} ({seen.new.kind})"

    async def run(self) -> None:
        """Return when it has ended, or belongs to someone else."""
        request_id.set(f"operations/{self._claim.id}")
        try:
            async with self._beating():
                state, result, failure = await self._outcome()
            await self._end(state, result, failure)
        except OperationLost:
            logger.warning("%s belongs to another process now", self._what)
        except asyncio.CancelledError:
            await to_the_end(self._let_go())
            raise
        except Exception:
            logger.exception("%s could not be ended; it is taken up again after a while", self._what)

    async def _outcome(self) -> tuple[OperationState, str, OperationFailure | None]:
        logger.info("%s runs%s", self._what, " again" if self._run.progress else "")
        try:
            result = await self._worked()
        except OperationLost:
            raise
        except OperationStopped:
            return OperationState.CANCELLED, "", None
        except RequestError as error:
            return OperationState.FAILED, "", OperationFailure(reason=error.reason, message=error.message)
        except Exception:
            logger.exception("%s failed", self._what)
            unknown = InternalError()
            return OperationState.FAILED, "", OperationFailure(reason=unknown.reason, message=unknown.message)
        return OperationState.SUCCEEDED, json.dumps(result, separators=(",", ":")), None

    async def _worked(self) -> Values:
        """The result; what passes is waited for, a little longer each time that nothing was done in between."""
        pause = FIRST_PAUSE_S
        while True:
            self._run.check()
            steps = self._run.steps
            try:
                assert self._kind is not None
                return await self._kind.work(self._run)
            except _PASSES as error:
                pause = FIRST_PAUSE_S if self._run.steps > steps else min(LONGEST_PAUSE_S, pause * 2)
                logger.warning("%s waits: %s", self._what, error.message)
                await asyncio.sleep(pause)

    async def _end(self, state: OperationState, result: str, failure: OperationFailure | None) -> None:
        pause = FIRST_PAUSE_S
        while True:
            try:
                await self._store.finish(self._claim, state, self._clock.now(), result=result, failure=failure)
            except _PASSES:
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE_S, pause * 2)
            else:
                logger.info("%s: %s%s", self._what, state, f", {failure.reason}" if failure else "")
                return

    async def _save(self, progress: str) -> bool:
        return await self._store.save(self._claim, progress, self._clock.now())

    async def _let_go(self) -> None:
        try:
            await self._store.release(self._claim, self._clock.now())
        except _PASSES as error:
            logger.warning("%s is not let go of, and waits until it is taken over: %s", self._what, error.message)

    @asynccontextmanager
    async def _beating(self) -> AsyncIterator[None]:
        """Say that it lives, as long as the context; where it is lost the context is cancelled and `OperationLost` raised."""
        working = asyncio.current_task()
        assert working is not None
        lost = False

        async def beat() -> None:
            nonlocal lost
            while True:
                await asyncio.sleep(self._heartbeat_s)
                try:
                    if await self._store.beat(self._claim):
                        self._run.cancel_requested = True
                except OperationLost:
                    lost = True
                    working.cancel()
                    return
                except Exception as error:  # noqa: BLE001 - whatever it is, the next beat may reach the catalog
                    logger.warning("%s could not say that it lives: %s", self._what, error)

        beating = asyncio.create_task(beat(), name=f"beat-{self._claim.id}")
        try:
            yield
        except asyncio.CancelledError:
            if lost and working.uncancel() == 0:
                raise OperationLost from None
            raise
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

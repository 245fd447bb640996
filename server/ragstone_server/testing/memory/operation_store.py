"""Operations in memory."""

from dataclasses import replace
from datetime import datetime
from itertools import count

from ragstone_server.spi.operations import (
    NewOperation,
    Operation,
    OperationClaim,
    OperationFailure,
    OperationId,
    OperationLost,
    OperationState,
)


class MemoryOperationStore:
    """Fits `OperationStore`. Nothing waits within a method, so each is a transaction."""

    def __init__(self) -> None:
        self._operations: dict[OperationId, Operation] = {}
        self._ids = count(1)

    async def put(self, operation: NewOperation, now: datetime, /) -> Operation:
        """Keep a new one."""
        made = Operation(
            id=OperationId(next(self._ids)),
            new=operation,
            state=OperationState.WAITING,
            progress="",
            result="",
            failure=None,
            cancel_requested=False,
            created=now,
            updated=now,
            runner="",
            epoch=0,
            beats=0,
        )
        self._operations[made.id] = made
        return made

    async def operation(self, operation: OperationId, /) -> Operation | None:
        """One, or None."""
        return self._operations.get(operation)

    async def operations(self, before: OperationId | None, limit: int, /) -> tuple[Operation, ...]:
        """A page, the latest first."""
        latest = reversed(self._operations.values())
        return tuple(each for each in latest if before is None or each.id < before)[:limit]

    async def unfinished(self, after: OperationId, limit: int, /) -> tuple[Operation, ...]:
        """A page of those that have not ended."""
        return tuple(each for each in self._operations.values() if each.id > after and not each.done)[:limit]

    async def claim(self, seen: Operation, runner: str, now: datetime, /) -> OperationClaim | None:
        """By compare-and-set."""
        held = self._operations.get(seen.id)
        if held is None or held.done or (held.epoch, held.beats) != (seen.epoch, seen.beats):
            return None
        self._operations[held.id] = replace(
            held, state=OperationState.RUNNING, runner=runner, epoch=held.epoch + 1, beats=held.beats + 1, updated=now
        )
        return OperationClaim(id=held.id, epoch=held.epoch + 1)

    async def beat(self, claim: OperationClaim, /) -> bool:
        """Count."""
        held = self._held(claim)
        self._operations[held.id] = replace(held, beats=held.beats + 1)
        return held.cancel_requested

    async def save(self, claim: OperationClaim, progress: str, now: datetime, /) -> bool:
        """Keep the progress."""
        held = self._held(claim)
        self._operations[held.id] = replace(held, progress=progress, beats=held.beats + 1, updated=now)
        return held.cancel_requested

    async def finish(
        self,
        claim: OperationClaim,
        state: OperationState,
        now: datetime,
        /,
        *,
        result: str = "",
        failure: OperationFailure | None = None,
    ) -> None:
        """End it."""
        held = self._held(claim)
        ended = replace(held, state=state, result=result, failure=failure, runner="", updated=now)
        self._operations[held.id] = ended

    async def release(self, claim: OperationClaim, now: datetime, /) -> None:
        """Let go."""
        try:
            held = self._held(claim)
        except OperationLost:
            return
        self._operations[held.id] = replace(
            held, state=OperationState.WAITING, runner="", epoch=held.epoch + 1, updated=now
        )

    async def request_cancel(self, operation: OperationId, now: datetime, /) -> Operation | None:
        """Note it, or end it where nobody runs it."""
        held = self._operations.get(operation)
        if held is None or held.done:
            return held
        state = OperationState.CANCELLED if held.state is OperationState.WAITING else held.state
        self._operations[operation] = replace(held, state=state, cancel_requested=True, updated=now)
        return self._operations[operation]

    async def delete(self, operation: OperationId, /) -> bool:
        """Forget one that has ended."""
        held = self._operations.get(operation)
        if held is None or not held.done:
            return False
        del self._operations[operation]
        return True

    async def delete_ended(self, before: datetime, /) -> int:
        """Forget the old ones."""
        old = [each.id for each in self._operations.values() if each.done and each.updated < before]
        for each in old:
            del self._operations[each]
        return len(old)

    def _held(self, claim: OperationClaim) -> Operation:
        held = self._operations.get(claim.id)
        if held is None or held.done or held.epoch != claim.epoch:
            raise OperationLost
        return held

"""The part of a catalog store that keeps long-running operations."""

from datetime import datetime
from typing import Protocol

from ragstone_server.spi.operations import (
    NewOperation,
    Operation,
    OperationClaim,
    OperationFailure,
    OperationId,
    OperationState,
)


class OperationStore(Protocol):
    """Operations by their ids. Each method is one transaction; what it wrote is on disk when it returns."""

    async def put(self, operation: NewOperation, now: datetime, /) -> Operation:
        """Keep a new operation, which waits for a runner."""
        ...

    async def operation(self, operation: OperationId, /) -> Operation | None:
        """One operation, or None."""
        ...

    async def operations(self, before: OperationId | None, limit: int, /) -> tuple[Operation, ...]:
        """Operations with ids less than `before` (None: all), the latest first."""
        ...

    async def unfinished(self, after: OperationId, limit: int, /) -> tuple[Operation, ...]:
        """Operations with greater ids that have not ended, ascending."""
        ...

    async def claim(self, seen: Operation, runner: str, now: datetime, /) -> OperationClaim | None:
        """Take over an operation as it was seen; None where its epoch, its beats or its end came in between.

        Of several that saw the same, one gets it. From then on the former claim writes nothing.
        """
        ...

    async def beat(self, claim: OperationClaim, /) -> bool:
        """Say that the runner lives; return whether the operation is to be cancelled. Raises `OperationLost`."""
        ...

    async def save(self, claim: OperationClaim, progress: str, now: datetime, /) -> bool:
        """Keep the progress; return whether the operation is to be cancelled. Raises `OperationLost`. It counts as a beat."""
        ...

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
        """End it in a state that is `done`. Raises `OperationLost`."""
        ...

    async def release(self, claim: OperationClaim, now: datetime, /) -> None:
        """Let go of an operation that has not ended, so that another may take it at once; nothing where the claim is lost."""
        ...

    async def request_cancel(self, operation: OperationId, now: datetime, /) -> Operation | None:
        """Note that it is to be cancelled. One that nobody has claimed is cancelled at once; one that has ended stays.

        Returns it as it is then; None where there is none.
        """
        ...

    async def delete(self, operation: OperationId, /) -> bool:
        """Forget an operation that has ended; False where it has not, or is not there."""
        ...

    async def delete_ended(self, before: datetime, /) -> int:
        """Forget all that ended before then; return how many."""
        ...

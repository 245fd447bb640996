"""The operation store over the database. One statement a method; what compares and sets waits for no lock of a collection."""

from datetime import datetime

from ragstone_plugins.postgresql.connections import Database, Parameters
from ragstone_plugins.postgresql.values import to_text
from ragstone_server.spi.catalog_rows import operation as operation_of
from ragstone_server.spi.catalog_rows import to_micros
from ragstone_server.spi.operations import (
    NewOperation,
    Operation,
    OperationClaim,
    OperationFailure,
    OperationId,
    OperationLost,
    OperationState,
)

_PUT = """
    INSERT INTO operation (kind, collection, runs_on, parameters, state, created, updated)
    VALUES (%(kind)s, %(collection)s, %(runs_on)s, %(parameters)s, 'waiting', %(now)s, %(now)s) RETURNING *
"""
_PAGE = """
    SELECT * FROM operation WHERE %(before)s::bigint IS NULL OR id < %(before)s::bigint ORDER BY id DESC LIMIT %(limit)s
"""
_UNFINISHED = "SELECT * FROM operation WHERE state IN ('waiting', 'running') AND id > %s ORDER BY id LIMIT %s"
_CLAIM = """
    UPDATE operation SET state = 'running', runner = %s, epoch = epoch + 1, beats = beats + 1, updated = %s
    WHERE id = %s AND epoch = %s AND beats = %s AND state IN ('waiting', 'running') RETURNING *
"""
_BEAT = "UPDATE operation SET beats = beats + 1 WHERE id = %s AND epoch = %s AND state = 'running' RETURNING *"
_SAVE = """
    UPDATE operation SET progress = %s, updated = %s, beats = beats + 1
    WHERE id = %s AND epoch = %s AND state = 'running' RETURNING *
"""
_FINISH = """
    UPDATE operation SET state = %s, result = %s, reason = %s, message = %s, runner = '', updated = %s
    WHERE id = %s AND epoch = %s AND state = 'running' RETURNING *
"""
_RELEASE = """
    UPDATE operation SET state = 'waiting', runner = '', epoch = epoch + 1, updated = %s
    WHERE id = %s AND epoch = %s AND state = 'running'
"""
_CANCEL = """
    UPDATE operation SET cancel_requested = true, updated = %s,
        state = CASE state WHEN 'waiting' THEN 'cancelled' ELSE state END
    WHERE id = %s AND state IN ('waiting', 'running') RETURNING *
"""
_DELETE = "DELETE FROM operation WHERE id = %s AND state NOT IN ('waiting', 'running') RETURNING id"
_DELETE_ENDED = "DELETE FROM operation WHERE updated < %s AND state NOT IN ('waiting', 'running') RETURNING id"


class PostgresqlOperationStore:
    """Fits `OperationStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, operation: NewOperation, now: datetime, /) -> Operation:
        """Keep a new one."""
        values = {
            "kind": operation.kind,
            "collection": operation.collection,
            "runs_on": operation.runs_on,
            "parameters": operation.parameters,
            "now": to_micros(now),
        }
        return operation_of((await self._database.write(_PUT, values))[0])

    async def operation(self, operation: OperationId, /) -> Operation | None:
        """One, or None."""
        rows = await self._database.read("SELECT * FROM operation WHERE id = %s", (operation,))
        return operation_of(rows[0]) if rows else None

    async def operations(self, before: OperationId | None, limit: int, /) -> tuple[Operation, ...]:
        """A page, the latest first."""
        rows = await self._database.read(_PAGE, {"before": before, "limit": limit})
        return tuple(operation_of(row) for row in rows)

    async def unfinished(self, after: OperationId, limit: int, /) -> tuple[Operation, ...]:
        """A page of those that have not ended."""
        return tuple(operation_of(row) for row in await self._database.read(_UNFINISHED, (after, limit)))

    async def claim(self, seen: Operation, runner: str, now: datetime, /) -> OperationClaim | None:
        """By compare-and-set."""
        values = (runner, to_micros(now), seen.id, seen.epoch, seen.beats)
        rows = await self._database.write(_CLAIM, values)
        return OperationClaim(id=seen.id, epoch=rows[0]["epoch"]) if rows else None

    async def beat(self, claim: OperationClaim, /) -> bool:
        """Count."""
        return (await self._held(_BEAT, (claim.id, claim.epoch))).cancel_requested

    async def save(self, claim: OperationClaim, progress: str, now: datetime, /) -> bool:
        """Keep the progress."""
        return (await self._held(_SAVE, (progress, to_micros(now), claim.id, claim.epoch))).cancel_requested

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
        reason, message = (failure.reason, to_text(failure.message)) if failure else (None, None)
        await self._held(_FINISH, (state, result, reason, message, to_micros(now), claim.id, claim.epoch))

    async def release(self, claim: OperationClaim, now: datetime, /) -> None:
        """Let go."""
        await self._database.write(_RELEASE, (to_micros(now), claim.id, claim.epoch))

    async def request_cancel(self, operation: OperationId, now: datetime, /) -> Operation | None:
        """Note it, or end it where nobody runs it."""
        rows = await self._database.write(_CANCEL, (to_micros(now), operation))
        return operation_of(rows[0]) if rows else await self.operation(operation)

    async def delete(self, operation: OperationId, /) -> bool:
        """Forget one that has ended."""
        return bool(await self._database.write(_DELETE, (operation,)))

    async def delete_ended(self, before: datetime, /) -> int:
        """Forget the old ones."""
        return len(await self._database.write(_DELETE_ENDED, (to_micros(before),)))

    async def _held(self, statement: str, values: Parameters) -> Operation:
        rows = await self._database.write(statement, values)
        if not rows:
            raise OperationLost
        return operation_of(rows[0])

"""The operation store over the catalog's connections. One statement a method, so each is a transaction by itself."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from ragstone_plugins.sqlite.connections import Readers
from ragstone_plugins.sqlite.writer import Writer
from ragstone_server.spi.catalog_rows import operation as operation_of
from ragstone_server.spi.catalog_rows import to_micros
from ragstone_server.spi.host import Lane
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
    VALUES (?1, ?2, ?3, ?4, 'waiting', ?5, ?5) RETURNING *
"""
_UNFINISHED = "SELECT * FROM operation WHERE state IN ('waiting', 'running') AND id > ? ORDER BY id LIMIT ?"
_CLAIM = """
    UPDATE operation SET state = 'running', runner = ?, epoch = epoch + 1, beats = beats + 1, updated = ?
    WHERE id = ? AND epoch = ? AND beats = ? AND state IN ('waiting', 'running') RETURNING *
"""
_BEAT = "UPDATE operation SET beats = beats + 1 WHERE id = ? AND epoch = ? AND state = 'running' RETURNING *"
_SAVE = """
    UPDATE operation SET progress = ?, updated = ?, beats = beats + 1
    WHERE id = ? AND epoch = ? AND state = 'running' RETURNING *
"""
_FINISH = """
    UPDATE operation SET state = ?, result = ?, reason = ?, message = ?, runner = '', updated = ?
    WHERE id = ? AND epoch = ? AND state = 'running' RETURNING *
"""
_RELEASE = """
    UPDATE operation SET state = 'waiting', runner = '', epoch = epoch + 1, updated = ?
    WHERE id = ? AND epoch = ? AND state = 'running' RETURNING *
"""
_CANCEL = """
    UPDATE operation SET cancel_requested = 1, updated = ?,
        state = CASE state WHEN 'waiting' THEN 'cancelled' ELSE state END
    WHERE id = ? AND state IN ('waiting', 'running') RETURNING *
"""
_DELETE = "DELETE FROM operation WHERE id = ? AND state NOT IN ('waiting', 'running') RETURNING *"
_DELETE_ENDED = "DELETE FROM operation WHERE updated < ? AND state NOT IN ('waiting', 'running') RETURNING *"


class SqliteOperationStore:
    """Fits `OperationStore`."""

    def __init__(self, writer: Writer, readers: Readers, lane: Lane) -> None:
        self._writer = writer
        self._readers = readers
        self._lane = lane

    async def put(self, operation: NewOperation, now: datetime, /) -> Operation:
        """Keep a new one."""
        values = (operation.kind, operation.collection, operation.runs_on, operation.parameters, to_micros(now))
        return (await self._writer.write(_operations, _PUT, values))[0]

    async def operation(self, operation: OperationId, /) -> Operation | None:
        """One, or None."""
        found = await self._read("SELECT * FROM operation WHERE id = ?", (operation,))
        return found[0] if found else None

    async def operations(self, before: OperationId | None, limit: int, /) -> tuple[Operation, ...]:
        """A page, the latest first."""
        statement = "SELECT * FROM operation WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2"
        return await self._read(statement, (before, limit))

    async def unfinished(self, after: OperationId, limit: int, /) -> tuple[Operation, ...]:
        """A page of those that have not ended."""
        return await self._read(_UNFINISHED, (after, limit))

    async def claim(self, seen: Operation, runner: str, now: datetime, /) -> OperationClaim | None:
        """By compare-and-set."""
        values = (runner, to_micros(now), seen.id, seen.epoch, seen.beats)
        claimed = await self._writer.write(_operations, _CLAIM, values)
        return OperationClaim(id=seen.id, epoch=claimed[0].epoch) if claimed else None

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
        reason, message = (failure.reason, failure.message) if failure else (None, None)
        await self._held(_FINISH, (state, result, reason, message, to_micros(now), claim.id, claim.epoch))
        await self._writer.erase_log()  # Former progress may name what was deleted.

    async def release(self, claim: OperationClaim, now: datetime, /) -> None:
        """Let go."""
        await self._writer.write(_operations, _RELEASE, (to_micros(now), claim.id, claim.epoch))

    async def request_cancel(self, operation: OperationId, now: datetime, /) -> Operation | None:
        """Note it, or end it where nobody runs it."""
        changed = await self._writer.write(_operations, _CANCEL, (to_micros(now), operation))
        return changed[0] if changed else await self.operation(operation)

    async def delete(self, operation: OperationId, /) -> bool:
        """Forget one that has ended; what it held leaves the write-ahead log too."""
        gone = await self._writer.write(_operations, _DELETE, (operation,))
        await self._writer.erase_log()
        return bool(gone)

    async def delete_ended(self, before: datetime, /) -> int:
        """Forget the old ones."""
        return len(await self._writer.write(_operations, _DELETE_ENDED, (to_micros(before),)))

    async def _read(self, statement: str, values: Sequence[object]) -> tuple[Operation, ...]:
        return await self._readers.run(self._lane, _operations, statement, values)

    async def _held(self, statement: str, values: Sequence[object]) -> Operation:
        changed = await self._writer.write(_operations, statement, values)
        if not changed:
            raise OperationLost
        return changed[0]


def _operations(connection: sqlite3.Connection, statement: str, values: Sequence[object]) -> tuple[Operation, ...]:
    """What a statement gives, read to its end."""
    return tuple(operation_of(row) for row in connection.execute(statement, tuple(values)).fetchall())

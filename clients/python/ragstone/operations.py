"""Long-running operations: how far they are, how they ended, and waiting for them."""

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import grpc
from google.longrunning import operations_pb2
from google.protobuf import any_pb2, descriptor_pool, empty_pb2, message_factory
from google.protobuf.message import Message

from ragstone.channel import deadline
from ragstone.errors import RagstoneError, from_rpc, from_status
from ragstone.v1 import operation_pb2

LOOK_S = 30.0
"""Longest time of one call that waits."""


class OperationState(StrEnum):
    """Where an operation is in its life."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    """Of a newer server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation as it was when it was read."""

    name: str
    """`operations/NUMBER`."""
    kind: str
    state: OperationState
    done: bool
    cancel_requested: bool
    collection: str
    """Resource name; empty: of several collections, or of none."""
    runner: str
    """The instance that runs it; empty: none does at present."""
    created: datetime
    updated: datetime
    metadata: Message | None
    """Of its kind: parameters and progress. None where this client does not know the kind."""
    response: Message | None
    """Of its kind, where it succeeded."""
    error: RagstoneError | None
    """Why it ended otherwise."""

    @property
    def id(self) -> int:
        """The number in its name."""
        return int(self.name.rpartition("/")[2])

    def result(self) -> Message | None:
        """The response. Raises the error of one that failed or was cancelled, and `ValueError` where it has not ended."""
        if self.error is not None:
            raise self.error
        if not self.done:
            raise ValueError(f"{self.name} has not ended")
        return self.response


def operation_from(wire: operations_pb2.Operation) -> Operation:
    """As the contract has it."""
    common = operation_pb2.OperationMetadata.FromString(wire.metadata.value)  # every kind's begins so
    info = common.info
    state = operation_pb2.OperationState.Name(info.state) if info.state in operation_pb2.OperationState.values() else ""
    known = state.removeprefix("OPERATION_STATE_").lower()
    return Operation(
        name=wire.name,
        kind=info.kind,
        state=OperationState(known) if known in set(OperationState) else OperationState.UNKNOWN,
        done=wire.done,
        cancel_requested=info.cancel_requested,
        collection=info.collection,
        runner=info.runner,
        created=info.create_time.ToDatetime(UTC),
        updated=info.update_time.ToDatetime(UTC),
        metadata=_unpacked(wire.metadata),
        response=_unpacked(wire.response) if wire.WhichOneof("result") == "response" else None,
        error=from_status(wire.error) if wire.WhichOneof("result") == "error" else None,
    )


def _unpacked(packed: any_pb2.Any) -> Message | None:
    try:
        kind = descriptor_pool.Default().FindMessageTypeByName(packed.TypeName())
    except KeyError:
        return None
    message = message_factory.GetMessageClass(kind)()
    packed.Unpack(message)
    return message


def operation_name(operation: int | str | Operation) -> str:
    """`operations/17` of 17, "17", its name, or the operation."""
    if isinstance(operation, Operation):
        return operation.name
    text = str(operation)
    return text if "/" in text else f"operations/{text}"


def _wait(operation: int | str | Operation, seconds: float) -> operations_pb2.WaitOperationRequest:
    request = operations_pb2.WaitOperationRequest(name=operation_name(operation))
    request.timeout.FromNanoseconds(int(seconds * 1e9))
    return request


class _Methods:
    """The methods of google.longrunning.Operations on a channel."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def __call__(self, method: str, response: Any) -> Any:
        """One of them."""
        return self._channel.unary_unary(
            f"/google.longrunning.Operations/{method}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=response,
        )


def _read(data: bytes) -> operations_pb2.Operation:
    return operations_pb2.Operation.FromString(data)


class Operations:
    """Calls of google.longrunning.Operations. An operation is named by its number, its name, or as it was read."""

    def __init__(self, channel: grpc.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        self._methods = _Methods(channel)
        self._metadata = metadata

    def list(self, filter: str = "") -> Iterator[Operation]:  # noqa: A002 - the contract's name
        """All of them, the latest first, page by page. A filter has the fields `done`, `kind`, `state` and `collection`."""
        request = operations_pb2.ListOperationsRequest(name="operations", filter=filter)
        while True:
            page = self._call("ListOperations", request, operations_pb2.ListOperationsResponse.FromString)
            yield from map(operation_from, page.operations)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def get(self, operation: int | str | Operation) -> Operation:
        """As it is now."""
        request = operations_pb2.GetOperationRequest(name=operation_name(operation))
        return operation_from(self._call("GetOperation", request, _read))

    def wait(self, operation: int | str | Operation, *, timeout: float | None = None) -> Operation:
        """As it is when it has ended, or after `timeout` seconds. Its error is not raised; `result()` does that."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = LOOK_S if until is None else max(0.0, min(LOOK_S, until - time.monotonic()))
            found = operation_from(self._call("WaitOperation", _wait(operation, left), _read, left + LOOK_S))
            if found.done or (until is not None and time.monotonic() >= until):
                return found

    def watch(self, operation: int | str | Operation, *, every: float = 1.0) -> Iterator[Operation]:
        """As it is, every so many seconds, and at last as it has ended."""
        while True:
            found = operation_from(self._call("WaitOperation", _wait(operation, every), _read, every + LOOK_S))
            yield found
            if found.done:
                return

    def cancel(self, operation: int | str | Operation) -> None:
        """Have it end before its next step; `wait` tells when it has. Nothing where it has ended."""
        request = operations_pb2.CancelOperationRequest(name=operation_name(operation))
        self._call("CancelOperation", request, empty_pb2.Empty.FromString)

    def delete(self, operation: int | str | Operation) -> None:
        """Forget one that has ended; raises `FailedPrecondition` where it has not."""
        request = operations_pb2.DeleteOperationRequest(name=operation_name(operation))
        self._call("DeleteOperation", request, empty_pb2.Empty.FromString)

    def _call(self, method: str, request: Any, response: Any, timeout: float | None = None) -> Any:
        try:
            return self._methods(method, response)(request, timeout=deadline(method, timeout), metadata=self._metadata)
        except grpc.RpcError as error:
            raise from_rpc(error) from error


class AsyncOperations:
    """As `Operations`, for asyncio."""

    def __init__(self, channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        self._methods = _Methods(channel)
        self._metadata = metadata

    async def list(self, filter: str = "") -> AsyncIterator[Operation]:  # noqa: A002 - the contract's name
        """All of them, the latest first, page by page. A filter has the fields `done`, `kind`, `state` and `collection`."""
        request = operations_pb2.ListOperationsRequest(name="operations", filter=filter)
        while True:
            page = await self._call("ListOperations", request, operations_pb2.ListOperationsResponse.FromString)
            for wire in page.operations:
                yield operation_from(wire)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def get(self, operation: int | str | Operation) -> Operation:
        """As it is now."""
        request = operations_pb2.GetOperationRequest(name=operation_name(operation))
        return operation_from(await self._call("GetOperation", request, _read))

    async def wait(self, operation: int | str | Operation, *, timeout: float | None = None) -> Operation:
        """As it is when it has ended, or after `timeout` seconds. Its error is not raised; `result()` does that."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = LOOK_S if until is None else max(0.0, min(LOOK_S, until - time.monotonic()))
            found = operation_from(await self._call("WaitOperation", _wait(operation, left), _read, left + LOOK_S))
            if found.done or (until is not None and time.monotonic() >= until):
                return found

    async def watch(self, operation: int | str | Operation, *, every: float = 1.0) -> AsyncIterator[Operation]:
        """As it is, every so many seconds, and at last as it has ended."""
        while True:
            found = operation_from(await self._call("WaitOperation", _wait(operation, every), _read, every + LOOK_S))
            yield found
            if found.done:
                return

    async def cancel(self, operation: int | str | Operation) -> None:
        """Have it end before its next step; `wait` tells when it has. Nothing where it has ended."""
        request = operations_pb2.CancelOperationRequest(name=operation_name(operation))
        await self._call("CancelOperation", request, empty_pb2.Empty.FromString)

    async def delete(self, operation: int | str | Operation) -> None:
        """Forget one that has ended; raises `FailedPrecondition` where it has not."""
        request = operations_pb2.DeleteOperationRequest(name=operation_name(operation))
        await self._call("DeleteOperation", request, empty_pb2.Empty.FromString)

    async def _call(self, method: str, request: Any, response: Any, timeout: float | None = None) -> Any:
        try:
            calling = self._methods(method, response)
            return await calling(request, timeout=deadline(method, timeout), metadata=self._metadata)
        except grpc.RpcError as error:
            raise from_rpc(error) from error

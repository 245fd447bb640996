"""google.longrunning.Operations: convert, call, convert."""

from typing import Any

from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import empty_pb2
from grpc import aio

from ragstone_server.operations.desk import Operations
from ragstone_server.spi.errors import InternalError, InvalidRequest, OperationCancelled, RequestError
from ragstone_server.spi.operations import Operation, OperationId, OperationState
from ragstone_server.spi.reasons import Reason
from ragstone_server.transport.convert.filters import parse_filter
from ragstone_server.transport.convert.operations import (
    metadata_to,
    operation_name,
    parse_operation,
    passes,
    response_to,
)
from ragstone_server.transport.convert.paging import next_token, number_after
from ragstone_server.transport.grpc.drain import Drain
from ragstone_server.transport.grpc.status import to_status

Context = aio.ServicerContext[Any, Any]
PAGE = 100
LONGEST_PAGE = 1000
LONGEST_WAIT_S = 600.0
"""Of one call; who waits longer asks again."""
LEFT_S = 0.25
"""Of the caller's deadline, for the answer's way back."""
_ERRORS = {error.reason: error for error in RequestError.__subclasses__()}


class OperationsServicer(operations_pb2_grpc.OperationsServicer):  # type: ignore[misc]  # its package has no types
    """What was begun and takes a while."""

    def __init__(self, operations: Operations, drain: Drain) -> None:
        self._operations = operations
        self._drain = drain

    async def ListOperations(  # noqa: N802 - the contract's name
        self, request: operations_pb2.ListOperationsRequest, context: Context
    ) -> operations_pb2.ListOperationsResponse:
        """List them, the latest first."""
        if request.name not in ("", "operations"):
            raise InvalidRequest.of_field("name", "is `operations`, or empty")
        if not 0 <= request.page_size <= LONGEST_PAGE:
            raise InvalidRequest.of_field("page_size", f"is 0 to {LONGEST_PAGE}")
        limit, wanted = request.page_size or PAGE, parse_filter(request.filter)
        before = number_after(request.page_token)
        found: list[Operation] = []
        while len(found) <= limit:
            page = await self._operations.page(None if before is None else OperationId(before), limit + 1)
            found += [each for each in page if passes(wanted, each)]
            if len(page) <= limit:
                break
            before = page[-1].id
        return operations_pb2.ListOperationsResponse(
            operations=[operation_to(each) for each in found[:limit]],
            next_page_token=next_token(str(found[limit - 1].id)) if len(found) > limit else "",
        )

    async def GetOperation(  # noqa: N802 - the contract's name
        self, request: operations_pb2.GetOperationRequest, context: Context
    ) -> operations_pb2.Operation:
        """Read one."""
        return operation_to(await self._operations.get(parse_operation(request.name)))

    async def CancelOperation(  # noqa: N802 - the contract's name
        self, request: operations_pb2.CancelOperationRequest, context: Context
    ) -> empty_pb2.Empty:
        """Have one end before its next step."""
        await self._operations.cancel(parse_operation(request.name))
        return empty_pb2.Empty()

    async def DeleteOperation(  # noqa: N802 - the contract's name
        self, request: operations_pb2.DeleteOperationRequest, context: Context
    ) -> empty_pb2.Empty:
        """Forget one that has ended."""
        await self._operations.delete(parse_operation(request.name))
        return empty_pb2.Empty()

    async def WaitOperation(  # noqa: N802 - the contract's name
        self, request: operations_pb2.WaitOperationRequest, context: Context
    ) -> operations_pb2.Operation:
        """Return when it has ended, or with how it is when the time is over, which the caller's deadline bounds."""
        operation = parse_operation(request.name)
        seconds = LONGEST_WAIT_S
        if request.HasField("timeout"):
            seconds = min(seconds, max(0.0, request.timeout.ToNanoseconds() / 1e9))
        remaining = context.time_remaining()
        if remaining is not None:
            seconds = min(seconds, max(0.0, remaining - LEFT_S))
        return operation_to(await self._operations.wait(operation, seconds, lambda: self._drain.begun))


def operation_to(operation: Operation) -> operations_pb2.Operation:
    """As the contract has it."""
    wire = operations_pb2.Operation(name=operation_name(operation.id), done=operation.done)
    wire.metadata.Pack(metadata_to(operation))
    if operation.state is OperationState.SUCCEEDED:
        wire.response.Pack(response_to(operation))
    elif operation.done:
        wire.error.CopyFrom(to_status(_error(operation), operation_name(operation.id)))
    return wire


def _error(operation: Operation) -> RequestError:
    if operation.failure is None:
        return OperationCancelled()
    try:
        return _ERRORS[Reason(operation.failure.reason)](operation.failure.message)
    except (ValueError, KeyError):
        return InternalError(operation.failure.message)  # of a newer server

"""What can fail, by the gRPC status, each with the reason that the server gave."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

_DETAILS = "grpc-status-details-bin"


class RagstoneError(Exception):
    """A call failed.

    `reason` is a value of `ragstone.v1.ErrorReason` without its prefix, as in `DOCUMENT_NOT_FOUND`; empty where the server
    was not reached. `metadata` holds what the reason documents. `retry_after` is in seconds, where the server named a time.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        violations: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what the server said; `violations` by field."""
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after
        self.violations = dict(violations or {})

    @property
    def request_id(self) -> str:
        """Under which the server's log has the details."""
        return self.metadata.get("request_id", "")


class InvalidArgument(RagstoneError):
    """The request is not acceptable; sending it again does not help."""


class NotFound(RagstoneError):
    """The collection or document does not exist."""


class AlreadyExists(RagstoneError):
    """There is one of this name already."""


class FailedPrecondition(RagstoneError):
    """The state of the server does not allow it; a stale version, for example."""


class ResourceExhausted(RagstoneError):
    """The server is at its limit; try again after `retry_after`."""


class DeadlineExceeded(RagstoneError):
    """It took longer than the caller waits."""


class Unavailable(RagstoneError):
    """The server was not reached, or cannot answer at present."""


class Cancelled(RagstoneError):
    """The call was cancelled."""


class InternalError(RagstoneError):
    """The server failed; its log has the details under the request id."""


_BY_CODE: Mapping[grpc.StatusCode, type[RagstoneError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.CANCELLED: Cancelled,
    grpc.StatusCode.INTERNAL: InternalError,
}
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class RpcFailure(Protocol):
    """What grpc and grpc.aio raise."""

    def code(self) -> grpc.StatusCode:
        """The status."""
        ...

    def details(self) -> str | None:
        """Its text."""
        ...

    def trailing_metadata(self) -> object:
        """What came with it."""
        ...


def from_rpc(error: RpcFailure) -> RagstoneError:
    """The typed error of a failed call."""
    for key, value in error.trailing_metadata() or ():  # type: ignore[attr-defined]
        if key == _DETAILS:
            with suppress(DecodeError):  # of something between us and the server
                return from_status(status_pb2.Status.FromString(value))
    return _BY_CODE.get(error.code(), RagstoneError)(error.details() or error.code().name)


def from_status(status: status_pb2.Status) -> RagstoneError:
    """The typed error of a `google.rpc.Status`."""
    reason, metadata, retry_after, violations = "", {}, None, {}
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        retry = error_details_pb2.RetryInfo()
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(info):
            reason, metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(retry):
            retry_after = retry.retry_delay.ToNanoseconds() / 1e9
        elif detail.Unpack(bad):
            violations = {violation.field: violation.description for violation in bad.field_violations}
    kind = _BY_CODE.get(_CODES.get(status.code, grpc.StatusCode.UNKNOWN), RagstoneError)
    return kind(status.message, reason=reason, metadata=metadata, retry_after=retry_after, violations=violations)

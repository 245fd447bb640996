"""The one status map: each reason has a code, and an error becomes a `google.rpc.Status`."""

from collections.abc import Mapping

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from ragstone_server.spi.errors import InternalError, RequestError
from ragstone_server.spi.reasons import Reason

DOMAIN = "ragstone.dev"
"""Domain of the `ErrorInfo`."""
DETAILS_KEY = "grpc-status-details-bin"
REQUEST_ID = "request_id"

CODES: Mapping[Reason, grpc.StatusCode] = {
    Reason.INVALID_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.INVALID_NAME: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.INVALID_FILTER: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.INVALID_WATERMARK: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.UNKNOWN_STAGE_OPTION: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.COLLECTION_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.COLLECTION_ALREADY_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Reason.COLLECTION_NOT_EMPTY: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.DOCUMENT_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.VERSION_STALE: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.VERSION_SCHEME_MISMATCH: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.GENERATION_MISMATCH: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.GENERATION_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.GENERATION_NOT_READY: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.DOCUMENT_TOO_LARGE: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.DOCUMENT_UNSUPPORTED: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.DOCUMENT_BROKEN: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.DOCUMENT_ENCRYPTED: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.DOCUMENT_WITHOUT_TEXT: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.DOCUMENT_PARSE_TIMEOUT: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.DOCUMENT_PARSE_CRASH: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.UPLOAD_INCOMPLETE: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.INVALID_EVENT: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.PROMPT_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.PROMPT_INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.DEAD_LETTER_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.OPERATION_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.OPERATION_RUNNING: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.OPERATION_CANCELLED: grpc.StatusCode.CANCELLED,
    Reason.SNAPSHOT_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.SNAPSHOT_ALREADY_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Reason.SNAPSHOT_DAMAGED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.SNAPSHOT_INCOMPATIBLE: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.SNAPSHOT_NO_SPACE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.SNAPSHOTS_UNSUPPORTED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.OVERLOADED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.STORAGE_FULL: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.CATALOG_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Reason.DEADLINE_EXCEEDED: grpc.StatusCode.DEADLINE_EXCEEDED,
    Reason.STAGE_FAILED: grpc.StatusCode.UNAVAILABLE,
    Reason.SHUTTING_DOWN: grpc.StatusCode.UNAVAILABLE,
    Reason.INTERNAL: grpc.StatusCode.INTERNAL,
}

# gRPC drops a call whose trailers pass 8 KiB. The message travels in them twice, once percent-encoded.
MOST_MESSAGE_BYTES = 512
MOST_VIOLATIONS = 8
MOST_FIELD_BYTES = 128
MOST_VALUE_BYTES = 256


def to_request_error(error: Exception) -> RequestError:
    """An error that may be shown; anything unknown becomes a fixed text."""
    return error if isinstance(error, RequestError) else InternalError()


def to_status(error: RequestError, request_id: str) -> status_pb2.Status:
    """The error with its `ErrorInfo`, and `BadRequest` and `RetryInfo` as fits; long texts are cut."""
    metadata = {key: _cut(value, MOST_VALUE_BYTES) for key, value in error.metadata.items()}
    info = error_details_pb2.ErrorInfo(
        reason=error.reason.value, domain=DOMAIN, metadata={**metadata, REQUEST_ID: request_id}
    )
    packed = [_packed(info)]
    if error.violations:
        bad_request = error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(
                    field=_cut(v.field, MOST_FIELD_BYTES), description=_cut(v.description, MOST_VALUE_BYTES)
                )
                for v in error.violations[:MOST_VIOLATIONS]
            ]
        )
        packed.append(_packed(bad_request))
    if error.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(int(error.retry_after_s * 1e9))
        packed.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    code: int = CODES[error.reason].value[0]
    return status_pb2.Status(code=code, message=_cut(error.message, MOST_MESSAGE_BYTES), details=packed)


def _cut(text: str, most: int) -> str:
    data = text.encode("utf-8", "replace")
    return data.decode() if len(data) <= most else data[: most - 3].decode("utf-8", "ignore") + "…"


def _packed(
    message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo,
) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed

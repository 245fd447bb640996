"""The one status map: each reason has a code, and an error becomes a `google.rpc.Status`."""

from collections.abc import Mapping

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from ragstone_server.spi.errors import InternalError, Reason, RequestError

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
    Reason.DOCUMENT_TOO_LARGE: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.DOCUMENT_UNSUPPORTED: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.DOCUMENT_BROKEN: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.DOCUMENT_ENCRYPTED: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.DOCUMENT_WITHOUT_TEXT: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.DOCUMENT_PARSE_TIMEOUT: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.DOCUMENT_PARSE_CRASH: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.UPLOAD_INCOMPLETE: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.OVERLOADED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.STORAGE_FULL: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.DEADLINE_EXCEEDED: grpc.StatusCode.DEADLINE_EXCEEDED,
    Reason.STAGE_FAILED: grpc.StatusCode.UNAVAILABLE,
    Reason.SHUTTING_DOWN: grpc.StatusCode.UNAVAILABLE,
    Reason.INTERNAL: grpc.StatusCode.INTERNAL,
}


def to_request_error(error: Exception) -> RequestError:
    """An error that may be shown; anything unknown becomes a fixed text."""
    return error if isinstance(error, RequestError) else InternalError()


def to_status(error: RequestError, request_id: str) -> status_pb2.Status:
    """The error with its `ErrorInfo`, and `BadRequest` and `RetryInfo` as fits."""
    details = [
        error_details_pb2.ErrorInfo(
            reason=error.reason.value, domain=DOMAIN, metadata={**error.metadata, REQUEST_ID: request_id}
        )
    ]
    packed = [_packed(detail) for detail in details]
    if error.violations:
        bad_request = error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
                for v in error.violations
            ]
        )
        packed.append(_packed(bad_request))
    if error.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(int(error.retry_after_s * 1e9))
        packed.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    code: int = CODES[error.reason].value[0]
    return status_pb2.Status(code=code, message=error.message, details=packed)


def _packed(
    message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo,
) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed

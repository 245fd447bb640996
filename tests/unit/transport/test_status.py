"""The one status map, and the rules of the contract before it."""

import grpc
import pytest
from google.rpc import error_details_pb2

from ragstone.errors import from_status
from ragstone.v1 import ingest_service_pb2, query_service_pb2
from ragstone_server.spi import errors
from ragstone_server.spi.errors import FieldViolation, InternalError, InvalidRequest, Overloaded, RequestError
from ragstone_server.spi.reasons import Reason
from ragstone_server.transport.convert.validation import validate
from ragstone_server.transport.grpc.status import CODES, to_request_error, to_status

ERRORS = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, RequestError)]


def test_every_reason_has_a_code_that_is_no_success() -> None:
    assert set(CODES) == set(Reason)
    assert grpc.StatusCode.OK not in CODES.values()
    assert grpc.StatusCode.UNKNOWN not in CODES.values()


def test_every_reason_has_one_error() -> None:
    assert sorted(error.reason for error in ERRORS if error is not RequestError) == sorted(Reason)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_reaches_the_client_whole(error: type[RequestError]) -> None:
    raised = error(
        metadata={"key": "value"},
        retry_after_s=1.5,
        violations=(FieldViolation(field="turns[1].text", description="too long"),),
    )
    status = to_status(raised, "request-1")
    assert status.code == CODES[error.reason].value[0]
    client = from_status(status)
    assert (client.reason, client.message) == (error.reason.value, raised.message)
    assert client.metadata == {"key": "value", "request_id": "request-1"}
    assert client.retry_after == 1.5
    assert client.violations == {"turns[1].text": "too long"}


def test_details_that_do_not_fit_are_left_out() -> None:
    status = to_status(InvalidRequest(), "r")
    assert [detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR) for detail in status.details] == [True]
    assert len(to_status(Overloaded(retry_after_s=1), "r").details) == 2


def test_an_error_with_long_texts_fits_into_the_trailers() -> None:
    violations = tuple(FieldViolation(field="f" * 900, description="ä" * 5000) for _ in range(500))
    raised = InvalidRequest("ß" * 20_000, metadata={"one": "x" * 9000, "two": "ü" * 9000}, violations=violations)
    status = to_status(raised, "r" * 128)
    in_trailers = 4 * len(status.SerializeToString()) / 3 + 3 * len(status.message.encode())
    assert in_trailers < 8 * 1024
    assert status.message.endswith("ß…")
    assert from_status(status).reason == "INVALID_REQUEST"


def test_what_is_unknown_says_nothing_of_itself() -> None:
    error = to_request_error(OSError("secret detail"))
    assert isinstance(error, InternalError)
    assert "secret" not in error.message
    assert to_request_error(error) is error


def test_a_request_that_keeps_the_rules_passes() -> None:
    validate(query_service_pb2.QueryRequest(search=query_service_pb2.Search(question="why?")))


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (query_service_pb2.QueryRequest(), ["search"]),
        (query_service_pb2.QueryRequest(search=query_service_pb2.Search(question="  ")), ["search.question"]),
        (
            query_service_pb2.RetrieveRequest(
                search=query_service_pb2.Search(
                    question="x", top_k=-1, turns=[query_service_pb2.Turn(role=1, text="ok")] * 65
                )
            ),
            ["search.turns", "search.top_k"],
        ),
        (
            query_service_pb2.RetrieveRequest(
                search=query_service_pb2.Search(
                    question="x", turns=[query_service_pb2.Turn(role=1, text="ok"), query_service_pb2.Turn(role=1)]
                )
            ),
            ["search.turns[1].text"],
        ),
        (ingest_service_pb2.GetDocumentRequest(), ["name"]),
    ],
)
def test_every_field_that_breaks_a_rule_is_named(request_: object, fields: list[str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        validate(request_)  # type: ignore[arg-type]
    named = [violation.field for violation in caught.value.violations]
    assert sorted(set(named)) == sorted(fields)

"""Every failure is a typed error that carries the reason and what belongs to it."""

import socket
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2

import ragstone
from ragstone import AsyncClient, Client, NewDocument, Outcome, RagstoneError, Unavailable

from .conftest import FakeServer

KINDS = [
    (grpc.StatusCode.INVALID_ARGUMENT, ragstone.InvalidArgument),
    (grpc.StatusCode.NOT_FOUND, ragstone.NotFound),
    (grpc.StatusCode.ALREADY_EXISTS, ragstone.AlreadyExists),
    (grpc.StatusCode.FAILED_PRECONDITION, ragstone.FailedPrecondition),
    (grpc.StatusCode.RESOURCE_EXHAUSTED, ragstone.ResourceExhausted),
    (grpc.StatusCode.DEADLINE_EXCEEDED, ragstone.DeadlineExceeded),
    (grpc.StatusCode.UNAVAILABLE, ragstone.Unavailable),
    (grpc.StatusCode.CANCELLED, ragstone.Cancelled),
    (grpc.StatusCode.INTERNAL, ragstone.InternalError),
    (grpc.StatusCode.DATA_LOSS, RagstoneError),
]
CALLS: list[Callable[[Client], Any]] = [
    lambda c: c.retrieve("x"),
    lambda c: c.ask("x"),
    lambda c: list(c.query("x")),
    lambda c: list(c.responses("x")),
    lambda c: c.upsert_document("a", text="x"),
    lambda c: c.delete_document("a"),
    lambda c: c.get_document("a"),
    lambda c: list(c.list_documents()),
    lambda c: list(c.ingest([])),
    lambda c: c.admin.status(),
    lambda c: c.admin.plugins(),
    lambda c: list(c.admin.collections()),
    lambda c: c.admin.create_collection("a"),
    lambda c: c.admin.get_collection("a"),
    lambda c: c.admin.update_collection("a", description="x"),
    lambda c: c.admin.delete_collection("a"),
]


@pytest.mark.parametrize(("code", "kind"), KINDS, ids=lambda value: getattr(value, "name", ""))
def test_the_status_chooses_the_type(
    fake: FakeServer, client: Client, fail_with: Any, code: grpc.StatusCode, kind: type[RagstoneError]
) -> None:
    fake.fail(fail_with(code, "SOME_REASON", request_id="r1"), times=4)
    with pytest.raises(RagstoneError) as error:
        client.retrieve("x")
    assert type(error.value) is kind
    assert isinstance(error.value.__cause__, grpc.RpcError)


@pytest.mark.parametrize("call", CALLS)
def test_every_method_raises_them(
    fake: FakeServer, client: Client, fail_with: Any, call: Callable[[Client], Any]
) -> None:
    fake.fail(fail_with(grpc.StatusCode.NOT_FOUND, "COLLECTION_NOT_FOUND", collection="c", request_id="r1"))
    with pytest.raises(ragstone.NotFound) as error:
        call(client)
    assert error.value.reason == "COLLECTION_NOT_FOUND"
    assert error.value.metadata["collection"] == "c"
    assert error.value.request_id == "r1"
    assert str(error.value) == error.value.message == "it was COLLECTION_NOT_FOUND"


async def test_so_does_the_client_for_asyncio(fake: FakeServer, fail_with: Any) -> None:
    async def listed(c: AsyncClient) -> None:
        _ = [document async for document in c.list_documents()]

    async def ingested(c: AsyncClient) -> None:
        _ = [acknowledgement async for acknowledgement in c.ingest([])]

    async with AsyncClient(fake.address) as client:
        for call in (
            client.retrieve("x"),
            client.ask("x"),
            client.upsert_document("a", text="x"),
            client.delete_document("a"),
            client.get_document("a"),
            listed(client),
            ingested(client),
        ):
            fake.fail(fail_with(grpc.StatusCode.NOT_FOUND, "DOCUMENT_NOT_FOUND", request_id="r1"))
            with pytest.raises(ragstone.NotFound) as error:
                await call
            assert (error.value.reason, error.value.request_id) == ("DOCUMENT_NOT_FOUND", "r1")


def test_details_are_decoded(fake: FakeServer, client: Client, fail_with: Any) -> None:
    violation = error_details_pb2.BadRequest.FieldViolation(field="search.top_k", description="too many")
    delay = Duration()
    delay.FromMilliseconds(1500)
    status = fail_with(
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_REQUEST",
        error_details_pb2.RetryInfo(retry_delay=delay),
        error_details_pb2.BadRequest(field_violations=[violation]),
        error_details_pb2.Help(),
    )
    fake.fail(status)
    with pytest.raises(ragstone.InvalidArgument) as error:
        client.retrieve("x")
    assert error.value.retry_after == 1.5
    assert error.value.violations == {"search.top_k": "too many"}


def test_details_that_are_not_ours_do_not_hide_the_status(fake: FakeServer, client: Client) -> None:
    fake.failures.append((grpc.StatusCode.NOT_FOUND, b"\xff\xff"))
    with pytest.raises(ragstone.NotFound, match="it failed") as error:
        client.retrieve("x")
    assert (error.value.reason, error.value.metadata, error.value.retry_after) == ("", {}, None)


def test_a_server_that_is_not_there_has_no_reason() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Client(f"127.0.0.1:{port}") as client, pytest.raises(Unavailable) as error:
        client.retrieve("x", timeout=20)
    assert error.value.reason == ""


def test_a_document_that_fails_carries_the_error_of_the_unary_call(
    fake: FakeServer, client: Client, fail_with: Any, acknowledge: Any
) -> None:
    status = fail_with(grpc.StatusCode.INVALID_ARGUMENT, "DOCUMENT_BROKEN", request_id="r1")
    fake.ingest = lambda requests: (acknowledge(r.sequence, outcome=0, error=status) for r in requests)
    (done,) = client.ingest([NewDocument(document="a", text="x")])
    assert done.outcome is Outcome.FAILED
    assert isinstance(done.error, ragstone.InvalidArgument)
    assert (done.error.reason, done.error.request_id) == ("DOCUMENT_BROKEN", "r1")


def test_all_errors_have_one_root() -> None:
    exported = [getattr(ragstone, name) for name in ragstone.__all__]
    errors = [value for value in exported if isinstance(value, type) and issubclass(value, Exception)]
    assert {kind for _, kind in KINDS} == set(errors)
    assert all(issubclass(error, RagstoneError) for error in errors)

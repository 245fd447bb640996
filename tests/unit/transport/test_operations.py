"""google.longrunning.Operations, asked by the client."""

import asyncio
import time
from collections.abc import Iterator

import grpc
import pytest
from google.longrunning import operations_pb2, operations_pb2_grpc

from ragstone import (
    AsyncClient,
    Cancelled,
    Client,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    OperationState,
    RagstoneError,
)
from ragstone.v1 import operation_pb2
from tests.operating import Served, serving


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as server:
        yield server


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(served.address) as opened:
        yield opened


def test_an_operation_is_waited_for(served: Served, client: Client) -> None:
    number = served.begin()
    ended = client.operations.wait(number)
    assert (ended.name, ended.id, ended.kind) == (f"operations/{number}", number, "count-sheep")
    assert (ended.state, ended.done, ended.error) == (OperationState.SUCCEEDED, True, None)
    assert ended.collection == "tenants/default/collections/flock"
    assert isinstance(ended.metadata, operation_pb2.OperationMetadata), "the server has no messages of this kind"
    assert ended.result() is not None
    assert client.operations.get(ended) == ended


def test_what_fails_has_its_error(served: Served, client: Client) -> None:
    ended = client.operations.wait(served.begin('{"most": 1, "gone": true}'))
    assert ended.state is OperationState.FAILED
    with pytest.raises(NotFound, match="the flock is gone") as failed:
        ended.result()
    assert failed.value.reason == "COLLECTION_NOT_FOUND"
    assert failed.value.request_id == ended.name


def test_what_is_cancelled_says_so(served: Served, client: Client) -> None:
    number = served.begin('{"most": 100000}')
    first = next(iter(client.operations.watch(number, every=0.05)))
    assert not first.done
    with pytest.raises(ValueError, match="has not ended"):
        first.result()
    client.operations.cancel(number)
    ended = client.operations.wait(number)
    assert (ended.state, ended.cancel_requested) == (OperationState.CANCELLED, True)
    with pytest.raises(Cancelled) as cancelled:
        ended.result()
    assert cancelled.value.reason == "OPERATION_CANCELLED"
    client.operations.cancel(number)  # of one that has ended: nothing
    client.operations.delete(number)
    with pytest.raises(NotFound) as gone:
        client.operations.get(number)
    assert gone.value.reason == "OPERATION_NOT_FOUND"
    assert gone.value.metadata["operation"] == f"operations/{number}"


def test_what_runs_is_not_deleted(served: Served, client: Client) -> None:
    number = served.begin('{"most": 100000}')
    with pytest.raises(FailedPrecondition) as refused:
        client.operations.delete(number)
    assert refused.value.reason == "OPERATION_RUNNING"
    assert refused.value.metadata["state"] in ("waiting", "running")


def test_a_wait_ends_with_the_time_that_it_was_given(served: Served, client: Client) -> None:
    number = served.begin('{"most": 100000}')
    began = time.monotonic()
    assert not client.operations.wait(number, timeout=0.3).done
    assert 0.3 <= time.monotonic() - began < 5


def test_a_wait_ends_before_the_deadline_of_its_call(served: Served) -> None:
    """And answers with how it is, whatever time was asked for."""
    number = served.begin('{"most": 100000}')
    with grpc.insecure_channel(served.address) as channel:
        stub = operations_pb2_grpc.OperationsStub(channel)
        request = operations_pb2.WaitOperationRequest(name=f"operations/{number}")
        assert not stub.WaitOperation(request, timeout=1.0).done
        request.timeout.seconds = 3600
        assert not stub.WaitOperation(request, timeout=1.0).done
        request.timeout.seconds = -5
        assert not stub.WaitOperation(request, timeout=30).done


def test_a_server_that_drains_ends_waits(served: Served) -> None:
    number = served.begin('{"most": 100000}')
    with grpc.insecure_channel(served.address) as channel:
        stub = operations_pb2_grpc.OperationsStub(channel)
        waiting = stub.WaitOperation.future(operations_pb2.WaitOperationRequest(name=f"operations/{number}"))
        time.sleep(0.2)
        served.loop.call_soon_threadsafe(served.drain.begin)
        assert not waiting.result(timeout=10).done


def test_lists_are_filtered_and_come_in_pages(served: Served, client: Client) -> None:
    numbers = [served.begin() for _ in range(5)]
    for number in numbers:
        client.operations.wait(number)
    other = served.begin(kind="shear-sheep")
    assert [each.id for each in client.operations.list()] == [other, *reversed(numbers)]
    assert [each.id for each in client.operations.list("done = false")] == [other]
    assert [each.id for each in client.operations.list('kind = "count-sheep" AND state = succeeded')] == numbers[::-1]
    assert list(client.operations.list('collection = "tenants/default/collections/goats"')) == []
    with grpc.insecure_channel(served.address) as channel:
        stub = operations_pb2_grpc.OperationsStub(channel)
        found, request = [], operations_pb2.ListOperationsRequest(page_size=2, filter="done = true")
        while True:
            page = stub.ListOperations(request)
            assert len(page.operations) <= 2
            found += [each.name for each in page.operations]
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
    assert found == [f"operations/{number}" for number in reversed(numbers)]


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (operations_pb2.ListOperationsRequest(page_size=-1), "INVALID_REQUEST"),
        (operations_pb2.ListOperationsRequest(page_size=1001), "INVALID_REQUEST"),
        (operations_pb2.ListOperationsRequest(name="tenants/default"), "INVALID_REQUEST"),
        (operations_pb2.ListOperationsRequest(page_token="#"), "INVALID_REQUEST"),
        (operations_pb2.ListOperationsRequest(filter="done ="), "INVALID_FILTER"),
    ],
)
def test_bad_lists_are_refused(served: Served, request_: operations_pb2.ListOperationsRequest, reason: str) -> None:
    from ragstone.errors import from_rpc

    with grpc.insecure_channel(served.address) as channel, pytest.raises(grpc.RpcError) as refused:
        operations_pb2_grpc.OperationsStub(channel).ListOperations(request_)
    assert from_rpc(refused.value).reason == reason  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["operations/x", "operations/0", "operations/-1", "operations/", "operations/" + "9" * 30, "a/b"]
)
def test_bad_names_are_refused(client: Client, name: str) -> None:
    calls = (client.operations.get, client.operations.wait, client.operations.cancel, client.operations.delete)
    for call in calls:
        with pytest.raises(InvalidArgument) as refused:
            call(name)
        assert refused.value.reason == "INVALID_NAME"


def test_the_asynchronous_client_does_the_same(served: Served) -> None:
    first, second = served.begin(), served.begin('{"most": 100000}')

    async def ask() -> None:
        async with AsyncClient(served.address) as client:
            assert (await client.operations.wait(first)).state is OperationState.SUCCEEDED
            assert [each.id async for each in client.operations.list("done = true")] == [first]
            assert not (await client.operations.wait(second, timeout=0.1)).done
            await client.operations.cancel(second)
            states = [each.state async for each in client.operations.watch(second, every=0.05)]
            assert states[-1] is OperationState.CANCELLED
            await client.operations.delete(f"operations/{second}")
            with pytest.raises(RagstoneError):
                await client.operations.get(second)

    asyncio.run(ask())

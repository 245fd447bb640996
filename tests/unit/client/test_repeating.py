"""A stream is asked for again until its first message."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

import ragstone
from ragstone import AsyncClient, Client
from ragstone.repeating import Repeats
from ragstone.v1 import query_service_pb2

from .conftest import FakeServer

Ask = Callable[..., list[query_service_pb2.QueryResponse]]


class Failure(Exception):
    """A failed call, as gRPC raises it."""

    def __init__(self, code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE, pushback: str | None = None) -> None:
        self._code = code
        self._trailers = () if pushback is None else (("grpc-retry-pushback-ms", pushback),)

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str | None:
        return None

    def trailing_metadata(self) -> object:
        return self._trailers


@pytest.fixture(params=["sync", "asyncio"])
def ask(request: pytest.FixtureRequest, fake: FakeServer) -> Iterator[Ask]:
    """Asks with one client or the other."""

    async def asynchronously(**options: Any) -> list[query_service_pb2.QueryResponse]:
        async with AsyncClient(fake.address) as client:
            return [response async for response in client.responses("When?", **options)]

    if request.param == "asyncio":
        yield lambda **options: asyncio.run(asynchronously(**options))
    else:
        with Client(fake.address) as client:
            yield lambda **options: list(client.responses("When?", **options))


def test_p5_a_stream_that_failed_before_its_first_message_is_asked_for_again(
    fake: FakeServer, ask: Ask, fail_with: Any
) -> None:
    fake.events = [query_service_pb2.QueryResponse(seq=1)]
    fake.fail(fail_with(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN"), times=3)
    assert ask() == fake.events
    assert len(fake.requests) == 4


def test_four_times_at_most(fake: FakeServer, ask: Ask, fail_with: Any) -> None:
    fake.fail(fail_with(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN"), times=9)
    with pytest.raises(ragstone.Unavailable) as error:
        ask()
    assert error.value.reason == "SHUTTING_DOWN"
    assert len(fake.requests) == 4


def test_not_once_it_has_begun(fake: FakeServer, ask: Ask, fail_with: Any) -> None:
    fake.events = [query_service_pb2.QueryResponse(seq=1)]
    fake.breaks = fail_with(grpc.StatusCode.UNAVAILABLE, "STAGE_FAILED")
    with pytest.raises(ragstone.Unavailable):
        ask()
    assert len(fake.requests) == 1


def test_not_after_another_failure(fake: FakeServer, ask: Ask, fail_with: Any) -> None:
    fake.fail(fail_with(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED"))
    with pytest.raises(ragstone.ResourceExhausted):
        ask()
    assert len(fake.requests) == 1


def test_all_attempts_share_the_deadline(fake: FakeServer, ask: Ask, fail_with: Any) -> None:
    fake.fail(fail_with(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN"), times=3)
    ask(timeout=9)
    assert fake.seconds[0] - fake.seconds[3] > 0.5


@pytest.mark.parametrize("kind", [Client, AsyncClient])
async def test_a_server_that_is_gone_is_told_at_once(kind: Any) -> None:
    """gRPC's own retries keep such a stream open until its deadline."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    client = kind(address)
    with pytest.raises(ragstone.Unavailable):
        if kind is Client:
            next(client.responses("When?", timeout=60))
        else:
            await anext(client.responses("When?", timeout=60))
    closing = client.close()
    if closing is not None:
        await closing


def test_the_server_says_how_long_to_wait() -> None:
    assert Repeats(10).pause(Failure(pushback="1500")) == 1.5


@pytest.mark.parametrize("pushback", ["-1", "soon"])
def test_the_server_says_not_to_come_again(pushback: str) -> None:
    assert Repeats(10).pause(Failure(pushback=pushback)) is None


def test_no_pause_ends_after_the_deadline() -> None:
    assert Repeats(1).pause(Failure(pushback="1500")) is None
    assert Repeats(0).pause(Failure()) is None


def test_pauses_grow() -> None:
    repeats = Repeats(10)
    first, second, third = (repeats.pause(Failure()) or 0.0 for _ in range(3))
    assert 0 < first < second < third
    assert repeats.pause(Failure()) is None

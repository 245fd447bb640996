"""The Ingest stream: bounded, patient, and never silent about a document."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from ragstone import AsyncClient, Client, InternalError, NewDocument, Outcome
from ragstone.ingesting import IN_FLIGHT, Ledger
from ragstone.session import Session
from ragstone.v1 import ingest_service_pb2

from .conftest import FakeServer, Requests, Responses


def documents(count: int) -> list[NewDocument]:
    return [NewDocument(document=f"d{i}", text=f"Number {i}.") for i in range(count)]


def test_each_document_is_acknowledged_by_its_own_id(fake: FakeServer, client: Client) -> None:
    done = list(client.ingest(documents(200)))
    assert [a.document for a in done] == [f"d{i}" for i in range(200)]
    assert {a.outcome for a in done} == {Outcome.STORED}
    assert all(a.error is None for a in done)


def test_acknowledgements_come_in_the_order_of_the_server(fake: FakeServer, client: Client, acknowledge: Any) -> None:
    fake.ingest = lambda requests: (acknowledge(r.sequence) for r in reversed(list(requests)))
    assert [a.document for a in client.ingest(documents(3))] == ["d2", "d1", "d0"]


async def test_the_client_for_asyncio_does_the_same(fake: FakeServer) -> None:
    async def arriving() -> AsyncIterator[NewDocument]:
        for document in documents(100):
            await asyncio.sleep(0)
            yield document

    async with AsyncClient(fake.address) as client:
        assert len([a async for a in client.ingest(documents(100))]) == 100
        assert len([a async for a in client.ingest(arriving())]) == 100


def test_no_documents_are_no_acknowledgements(fake: FakeServer, client: Client) -> None:
    assert list(client.ingest([])) == []


class Taken:
    """Documents without end that count how many were taken."""

    def __init__(self) -> None:
        self.count = 0

    def __iter__(self) -> Iterator[NewDocument]:
        while True:
            self.count += 1
            yield NewDocument(document=f"d{self.count}", text="x")


def _silent(released: threading.Event, acknowledge: Any) -> Any:
    def ingest(requests: Requests) -> Responses:
        first = next(requests)
        yield acknowledge(first.sequence)
        for _ in requests:
            if released.is_set():
                return

    return ingest


def test_p11_only_so_many_are_in_flight_and_leaving_early_ends_it(
    fake: FakeServer, client: Client, acknowledge: Any
) -> None:
    released = threading.Event()
    fake.ingest = _silent(released, acknowledge)
    taken = Taken()
    acknowledgements = client.ingest(taken)
    next(acknowledgements)
    time.sleep(0.3)
    assert taken.count <= IN_FLIGHT + 2  # one was acknowledged, and one waits for a place
    acknowledgements.close()
    released.set()
    assert fake.left.wait(5)
    before = taken.count
    time.sleep(0.3)
    assert taken.count == before


async def test_p11_it_is_bounded_for_asyncio(fake: FakeServer, acknowledge: Any) -> None:
    released = threading.Event()
    fake.ingest = _silent(released, acknowledge)
    taken = Taken()
    async with AsyncClient(fake.address) as client:
        acknowledgements = client.ingest(taken)
        await anext(acknowledgements)
        await asyncio.sleep(0.3)
        assert taken.count <= IN_FLIGHT + 2
        await acknowledgements.aclose()
        released.set()
        assert await asyncio.to_thread(fake.left.wait, 5)


PAUSE_S = 0.4


def _pausing(arrived: list[float], acknowledge: Any) -> Any:
    def ingest(requests: Requests) -> Responses:
        delay = Duration()
        delay.FromMilliseconds(int(PAUSE_S * 1000))
        for request in requests:
            arrived.append(time.monotonic())
            if len(arrived) == 1:
                yield ingest_service_pb2.IngestResponse(back_off=ingest_service_pb2.BackOff(delay=delay))
            yield acknowledge(request.sequence)

    return ingest


class Slowly:
    """Two documents; the second is there only after the first was acknowledged."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def __iter__(self) -> Iterator[NewDocument]:
        yield NewDocument(document="a", text="x")
        self.go.wait(5)
        yield NewDocument(document="b", text="x")


def test_it_waits_when_the_server_asks_for_it(fake: FakeServer, client: Client, acknowledge: Any) -> None:
    arrived: list[float] = []
    fake.ingest = _pausing(arrived, acknowledge)
    sent = Slowly()
    for _ in client.ingest(sent):
        sent.go.set()
    assert arrived[1] - arrived[0] >= PAUSE_S * 0.9


async def test_it_waits_for_asyncio(fake: FakeServer, acknowledge: Any) -> None:
    arrived: list[float] = []
    fake.ingest = _pausing(arrived, acknowledge)
    go = asyncio.Event()

    async def sent() -> AsyncIterator[NewDocument]:
        yield NewDocument(document="a", text="x")
        await go.wait()
        yield NewDocument(document="b", text="x")

    async with AsyncClient(fake.address) as client:
        async for _ in client.ingest(sent()):
            go.set()
    assert arrived[1] - arrived[0] >= PAUSE_S * 0.9


def _broken() -> Iterator[NewDocument]:
    yield from documents(3)
    raise OSError("the disk of the producer is gone")


def test_what_the_documents_raise_reaches_the_caller_after_what_was_sent_is_acknowledged(
    fake: FakeServer, client: Client
) -> None:
    done: list[str] = []
    with pytest.raises(OSError, match="the disk of the producer"):
        done.extend(a.document for a in client.ingest(_broken()))
    seen = []
    acknowledgements = client.ingest(_broken())
    with pytest.raises(OSError, match="the disk of the producer"):
        while True:
            seen.append(next(acknowledgements).document)
    assert seen == ["d0", "d1", "d2"]


async def test_so_it_does_for_asyncio(fake: FakeServer) -> None:
    seen = []
    async with AsyncClient(fake.address) as client:
        with pytest.raises(OSError, match="the disk of the producer"):
            async for acknowledgement in client.ingest(_broken()):
                seen.append(acknowledgement.document)  # noqa: PERF401 - what came before the error counts
    assert seen == ["d0", "d1", "d2"]


def test_p1_a_document_that_is_never_acknowledged_is_not_passed_over(
    fake: FakeServer, client: Client, acknowledge: Any
) -> None:
    fake.ingest = lambda requests: iter([acknowledge(r.sequence) for r in requests][:2])
    with pytest.raises(InternalError, match="before 1 documents were acknowledged"):
        list(client.ingest(documents(3)))


def test_an_acknowledgement_of_nothing_is_an_error(fake: FakeServer, client: Client, acknowledge: Any) -> None:
    for answers in ([7], [1, 1]):
        fake.ingest = lambda requests, answers=answers: (list(requests), (acknowledge(n) for n in answers))[1]  # type: ignore[misc]
        with pytest.raises(InternalError, match="acknowledged document"):
            list(client.ingest(documents(1)))


def test_an_acknowledgement_without_outcome_or_error_is_an_error(
    fake: FakeServer, client: Client, acknowledge: Any
) -> None:
    fake.ingest = lambda requests: (acknowledge(r.sequence, outcome=0) for r in requests)
    with pytest.raises(InternalError, match="did not say"):
        list(client.ingest(documents(1)))


def test_a_response_that_is_newer_than_the_client_is_passed_over(
    fake: FakeServer, client: Client, acknowledge: Any
) -> None:
    newer = ingest_service_pb2.IngestResponse.FromString(b"\xa2\x06\x00")

    def ingest(requests: Requests) -> Responses:
        for request in requests:
            yield newer
            yield acknowledge(request.sequence)

    fake.ingest = ingest
    assert len(list(client.ingest(documents(2)))) == 2


class _Followed(NewDocument):
    """A document that a weak reference can follow."""

    __slots__ = ("__weakref__",)


def test_contents_are_not_kept_until_the_acknowledgement() -> None:
    document = _Followed(document="a", content=b"large")
    followed = weakref.ref(document)
    ledger = Ledger(Session())
    assert len(list(ledger.enter(document))) == 1
    del document
    gc.collect()
    assert followed() is None


def test_a_large_document_arrives_whole(fake: FakeServer, client: Client, acknowledge: Any) -> None:
    content = bytes(range(256)) * 10_000
    arrived: list[bytes] = []

    def ingest(requests: Requests) -> Responses:
        header = next(requests)
        missing = header.header.size_bytes
        while missing > 0:
            arrived.append(next(requests).part.data)
            missing -= len(arrived[-1])
        yield acknowledge(header.sequence)
        assert not list(requests)

    fake.ingest = ingest
    (done,) = client.ingest([NewDocument(document="large", content=content)])
    assert done.outcome is Outcome.STORED
    assert b"".join(arrived) == content

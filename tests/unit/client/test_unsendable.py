"""Documents that no message can carry: each fails by itself, and the stream goes on."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from ragstone import AsyncClient, Client, InvalidArgument, NewDocument, Outcome, RagstoneError
from ragstone.channel import MAX_MESSAGE_BYTES
from ragstone.ingesting import IN_FLIGHT
from ragstone.requests import INLINE_CHARACTERS, PART_BYTES
from ragstone.v1 import ingest_service_pb2

from .conftest import FakeServer, Requests, Responses

UNSENDABLE: dict[str, dict[str, Any]] = {
    "text": {"text": "a \ud800 b"},
    "large text": {"text": f"{'x' * INLINE_CHARACTERS}\ud800"},
    "title": {"text": "x", "title": "\udfff"},
    "metadata": {"text": "x", "metadata": {"k": "\ud800"}},
    "value": {"text": "x", "metadata": {"k": None}},
    "number": {"text": "x", "metadata": {"k": 10**400}},
    "version": {"text": "x", "version": 2**70},
    "nothing": {},
    "content": {"content": "y" * (2 * PART_BYTES)},
    "fields": {"text": "x", "title": "x" * MAX_MESSAGE_BYTES},
}


def _mixed(fields: dict[str, Any]) -> list[NewDocument]:
    good = [NewDocument(document=f"d{i}", text=f"Number {i}.") for i in range(2)]
    return [good[0], NewDocument(document="bad", **fields), good[1]]


@pytest.mark.parametrize("what", UNSENDABLE)
async def test_a_document_that_cannot_be_sent_fails_and_the_others_go_on(
    fake: FakeServer, client: Client, acknowledge: Any, what: str
) -> None:
    sent: list[ingest_service_pb2.IngestRequest] = []

    def ingest(requests: Requests) -> Responses:
        for request in requests:
            sent.append(request)
            yield acknowledge(request.sequence)

    fake.ingest = ingest
    done = {a.document: a for a in client.ingest(_mixed(UNSENDABLE[what]))}
    async with AsyncClient(fake.address) as other:
        again = {a.document: a async for a in other.ingest(_mixed(UNSENDABLE[what]))}
    names = [request.header.name.rpartition("/")[2] for request in sent]
    assert names == ["d0", "d1", "d0", "d1"]
    for answers in (done, again):
        assert {name: a.outcome for name, a in answers.items()} == {
            "d0": Outcome.STORED,
            "bad": Outcome.FAILED,
            "d1": Outcome.STORED,
        }
        assert isinstance(answers["bad"].error, InvalidArgument)
        assert answers["bad"].error.reason == ("DOCUMENT_TOO_LARGE" if what == "fields" else "INVALID_REQUEST")


def test_more_of_them_than_may_be_in_flight_are_acknowledged(client: Client) -> None:
    done = list(client.ingest(NewDocument(document=f"d{i}") for i in range(2 * IN_FLIGHT + 1)))
    assert [a.outcome for a in done] == [Outcome.FAILED] * (2 * IN_FLIGHT + 1)
    assert "needs text or content" in str(done[0].error)


def test_it_is_told_while_the_server_is_silent_and_the_next_document_waits_for_it(client: Client) -> None:
    told = threading.Event()

    def waiting() -> Iterator[NewDocument]:
        yield NewDocument(document="bad", text="\ud800")
        assert told.wait(20)
        yield NewDocument(document="good", text="x")

    seen = []
    for acknowledgement in client.ingest(waiting()):
        seen.append((acknowledgement.document, acknowledgement.outcome))
        told.set()
    assert seen == [("bad", Outcome.FAILED), ("good", Outcome.STORED)]


async def test_so_it_is_for_asyncio(fake: FakeServer) -> None:
    told = asyncio.Event()

    async def waiting() -> AsyncIterator[NewDocument]:
        yield NewDocument(document="bad", text="\ud800")
        await asyncio.wait_for(told.wait(), 20)
        yield NewDocument(document="good", text="x")

    seen = []
    async with AsyncClient(fake.address) as client:
        async for acknowledgement in client.ingest(waiting()):
            seen.append((acknowledgement.document, acknowledgement.outcome))
            told.set()
    assert seen == [("bad", Outcome.FAILED), ("good", Outcome.STORED)]


async def test_closing_the_client_ends_a_stream_that_waits(fake: FakeServer) -> None:
    fake.ingest = lambda requests: iter(() for _ in requests if False)  # type: ignore[misc]  # reads, says nothing
    never = asyncio.Event()

    async def waiting() -> AsyncIterator[NewDocument]:
        yield NewDocument(document="bad", text="\ud800")
        await never.wait()

    client = AsyncClient(fake.address)
    acknowledgements = client.ingest(waiting())
    assert (await anext(acknowledgements)).document == "bad"
    await client.close()
    with pytest.raises(RagstoneError):
        await asyncio.wait_for(anext(acknowledgements), 20)

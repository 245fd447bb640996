"""The Ingest stream: parts put together, documents worked on side by side, each acknowledged when it is done."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ragstone.v1 import ingest_service_pb2
from ragstone_server.catalog.catalog import WriteOutcome, WriteReceipt
from ragstone_server.catalog.watermark import Watermark
from ragstone_server.spi.errors import DocumentBroken, DocumentTooLarge, Overloaded, UploadIncomplete
from ragstone_server.spi.positions import CollectionKey, Position
from ragstone_server.transport.grpc.ingest_stream import acknowledged
from ragstone_server.transport.grpc.uploads import Arrived, arrivals

Request = ingest_service_pb2.IngestRequest
NAME = "tenants/default/collections/default/documents/a"
RECEIPT = WriteReceipt(
    outcome=WriteOutcome.STORED,
    version=1,
    passages=1,
    watermark=Watermark(epoch="e", collection=CollectionKey(1), position=Position(1)),
)


def header(sequence: int = 1, **content: object) -> Request:
    return Request(sequence=sequence, header=ingest_service_pb2.DocumentHeader(name=NAME, **content))  # type: ignore[arg-type]


def part(data: bytes) -> Request:
    return Request(part=ingest_service_pb2.ContentPart(data=data))


async def stream(*requests: Request) -> AsyncIterator[Request]:
    for request in requests:
        yield request


async def arrived(*requests: Request, limit: int = 100) -> list[Arrived]:
    return [each async for each in arrivals(stream(*requests), limit)]


async def test_documents_with_their_content_and_deletions_arrive_as_they_come() -> None:
    deletion = Request(sequence=3, deletion=ingest_service_pb2.DocumentDeletion(name=NAME))
    one, two, three = await arrived(header(1, text="text"), header(2, inline=b"bytes"), deletion)
    assert (one.sequence, one.content) == (1, "text")
    assert (two.sequence, two.content) == (2, b"bytes")
    assert three.deletion is not None
    assert three.header is None


async def test_parts_are_put_together() -> None:
    (whole,) = await arrived(header(7, size_bytes=5), part(b"ab"), part(b"c"), part(b"de"))
    assert (whole.sequence, whole.content, whole.failure) == (7, b"abcde", None)


async def test_a_document_that_is_too_large_is_counted_and_not_kept_and_the_next_one_follows() -> None:
    large, small = await arrived(header(1, size_bytes=6), part(b"abc"), part(b"def"), header(2, text="x"), limit=5)
    assert isinstance(large.failure, DocumentTooLarge)
    assert large.failure.metadata == {"limit_bytes": "5"}
    assert large.content == b""
    assert small.content == "x"


@pytest.mark.parametrize(
    ("requests", "what"),
    [
        ([part(b"a")], "without a header"),
        ([header(1, size_bytes=2), part(b"abc")], "more bytes than its header announced"),
        ([header(1, size_bytes=2), part(b"a"), header(2, text="x")], "document 1 lacks 1 of its bytes"),
        ([header(1, size_bytes=2), part(b"a")], "the stream ended, and document 1 lacks 1"),
        ([header(1, size_bytes=1), part(b"a"), part(b"b")], "without a header"),
    ],
)
async def test_parts_that_do_not_add_up_end_the_stream(requests: list[Request], what: str) -> None:
    with pytest.raises(UploadIncomplete, match=what):
        await arrived(*requests)


async def documents(count: int) -> AsyncIterator[Arrived]:
    for sequence in range(1, count + 1):
        yield Arrived(sequence=sequence)


async def test_documents_are_worked_on_side_by_side_and_no_more_than_allowed_are_read() -> None:
    inside = most = 0

    async def work(each: Arrived) -> WriteReceipt:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.001 * (each.sequence % 3))
        inside -= 1
        return RECEIPT

    responses = [response async for response in acknowledged(documents(20), work, 4)]
    assert sorted(response.acknowledgement.sequence for response in responses) == list(range(1, 21))
    assert most == 4


async def test_one_that_fails_is_acknowledged_with_its_error_and_the_others_are_stored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work(each: Arrived) -> WriteReceipt:
        if each.sequence == 1:
            raise DocumentBroken
        if each.sequence == 2:
            raise ValueError("secret detail")
        return RECEIPT

    found = {r.acknowledgement.sequence: r.acknowledgement async for r in acknowledged(documents(3), work, 1)}
    assert found[1].error.message == "The document is damaged and cannot be read."
    assert "secret" not in found[2].error.message
    assert "secret detail" in caplog.text
    assert (found[3].outcome, found[3].HasField("error")) == (ingest_service_pb2.WRITE_OUTCOME_STORED, False)


async def test_at_its_limit_the_server_asks_to_back_off_and_goes_on_by_itself() -> None:
    tries = 0

    async def work(each: Arrived) -> WriteReceipt:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise Overloaded(retry_after_s=0.01)
        return RECEIPT

    kinds = [r.WhichOneof("event") async for r in acknowledged(documents(1), work, 1)]
    assert kinds == ["back_off", "back_off", "acknowledgement"]


async def test_a_broken_stream_fails_after_what_was_begun_is_acknowledged() -> None:
    async def breaking() -> AsyncIterator[Arrived]:
        yield Arrived(sequence=1)
        raise UploadIncomplete("half a document")

    async def work(each: Arrived) -> WriteReceipt:
        await asyncio.sleep(0.01)
        return RECEIPT

    responses = acknowledged(breaking(), work, 4)
    assert (await anext(responses)).acknowledgement.sequence == 1
    with pytest.raises(UploadIncomplete):
        await anext(responses)

"""The Ingest stream: parts put together, documents worked on side by side, each acknowledged when it is done."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ragstone.v1 import ingest_service_pb2
from ragstone_server.catalog.watermark import Watermark
from ragstone_server.catalog.writes import WriteOutcome, WriteReceipt
from ragstone_server.spi.errors import (
    DocumentBroken,
    DocumentTooLarge,
    InvalidRequest,
    Overloaded,
    ShuttingDown,
    UploadIncomplete,
)
from ragstone_server.spi.positions import CollectionKey, Position
from ragstone_server.transport.grpc.drain import Drain
from ragstone_server.transport.grpc.holding import Holding, StreamHolding
from ragstone_server.transport.grpc.ingest_stream import acknowledged
from ragstone_server.transport.grpc.uploads import Arrived, UploadLimits, arrivals

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


def held(most: int = 1000) -> StreamHolding:
    return StreamHolding(Holding(most))


async def stream(*requests: Request) -> AsyncIterator[Request]:
    for request in requests:
        yield request


async def arrived(*requests: Request, limit: int = 100) -> list[Arrived]:
    limits = UploadLimits(document_bytes=limit, stall_s=60)
    return [each async for each in arrivals(stream(*requests), limits, held(), Drain())]


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


async def test_a_bad_header_fails_alone_and_its_bytes_are_counted_and_not_kept() -> None:
    bad, parts, deletion, empty, good = await arrived(
        header(1, text="x", version=-1),
        header(2, size_bytes=3, fields={"title": "t" * 5000}),
        part(b"abc"),
        Request(sequence=3, deletion=ingest_service_pb2.DocumentDeletion(name="nonsense")),
        Request(sequence=4),
        header(5, text="x"),
    )
    for failed in (bad, parts, deletion, empty):
        assert isinstance(failed.failure, InvalidRequest)
        assert failed.content == b""
    assert [failed.sequence for failed in (bad, parts, deletion, empty)] == [1, 2, 3, 4]
    assert good.failure is None


async def test_a_bad_part_ends_the_stream() -> None:
    with pytest.raises(InvalidRequest, match=r"part\.data"):
        await arrived(header(1, size_bytes=3), part(b""))


async def test_a_part_that_does_not_come_ends_the_stream() -> None:
    async def stalled() -> AsyncIterator[Request]:
        yield header(1, size_bytes=3)
        await asyncio.Event().wait()

    limits = UploadLimits(document_bytes=100, stall_s=0.001)
    with pytest.raises(UploadIncomplete, match="no part of document 1 came"):
        await anext(arrivals(stalled(), limits, held(), Drain()))


async def test_p11_what_all_streams_hold_together_has_a_limit() -> None:
    holding = Holding(10)
    limits = UploadLimits(document_bytes=100, stall_s=60)
    async with holding.stream() as one, holding.stream() as two:
        first = arrivals(stream(header(1, size_bytes=8), part(b"12345678")), limits, one, Drain())
        second = arrivals(stream(header(1, text="123")), limits, two, Drain())
        assert (await anext(first)).held == 8
        waiting = asyncio.ensure_future(anext(second))
        await asyncio.sleep(0)
        assert not waiting.done()
        assert holding.bytes == 8
        one.give_back(8)
        assert (await waiting).held == 3
        assert holding.bytes == 3
    assert holding.bytes == 0


async def test_a_document_larger_than_the_common_limit_is_held_alone() -> None:
    holding = Holding(10)
    async with holding.stream() as stream_:
        await stream_.take(100)
        assert holding.bytes == 100


async def test_what_is_worked_on_is_held_until_it_is_done() -> None:
    holding = Holding(10)
    seen = []

    async def work(each: Arrived) -> WriteReceipt:
        seen.append(holding.bytes)
        if each.sequence == 1:
            raise DocumentBroken
        return RECEIPT

    async with holding.stream() as stream_:
        arriving = arrivals(
            stream(header(1, text="a" * 9), header(2, text="b" * 8)),
            UploadLimits(document_bytes=100, stall_s=60),
            stream_,
            Drain(),
        )
        assert len([each async for each in acknowledged(arriving, work, 4, stream_)]) == 2
        assert seen == [9, 8]
        assert holding.bytes == 0


async def test_an_idle_stream_ends_with_the_server_after_what_was_begun() -> None:
    drain = Drain()
    stored = asyncio.Event()

    async def idle() -> AsyncIterator[Request]:
        yield header(1, text="x")
        await asyncio.Event().wait()

    async def work(each: Arrived) -> WriteReceipt:
        drain.begin()
        await stored.wait()
        return RECEIPT

    holding = held()
    arriving = arrivals(idle(), UploadLimits(document_bytes=100, stall_s=60), holding, drain)
    responses = acknowledged(arriving, work, 4, holding)
    first = asyncio.ensure_future(anext(responses))
    await asyncio.sleep(0)
    stored.set()
    assert (await first).acknowledgement.sequence == 1
    with pytest.raises(ShuttingDown):
        await anext(responses)


async def test_no_more_acknowledgements_wait_than_documents_may_be_worked_on() -> None:
    read = 0

    async def counted() -> AsyncIterator[Arrived]:
        nonlocal read
        async for each in documents(100):
            read += 1
            yield each

    async def work(each: Arrived) -> WriteReceipt:
        return RECEIPT

    responses = acknowledged(counted(), work, 2, held())
    await anext(responses)
    for _ in range(50):
        await asyncio.sleep(0)
    assert read <= 7
    await responses.aclose()


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

    responses = [response async for response in acknowledged(documents(20), work, 4, held())]
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

    found = {r.acknowledgement.sequence: r.acknowledgement async for r in acknowledged(documents(3), work, 1, held())}
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

    kinds = [r.WhichOneof("event") async for r in acknowledged(documents(1), work, 1, held())]
    assert kinds == ["back_off", "back_off", "acknowledgement"]


async def test_a_broken_stream_fails_after_what_was_begun_is_acknowledged() -> None:
    async def breaking() -> AsyncIterator[Arrived]:
        yield Arrived(sequence=1)
        raise UploadIncomplete("half a document")

    async def work(each: Arrived) -> WriteReceipt:
        await asyncio.sleep(0.01)
        return RECEIPT

    responses = acknowledged(breaking(), work, 4, held())
    assert (await anext(responses)).acknowledgement.sequence == 1
    with pytest.raises(UploadIncomplete):
        await anext(responses)

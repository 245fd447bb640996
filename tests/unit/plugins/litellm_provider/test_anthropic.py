"""A provider with a protocol of its own: its stream hides behind a generator."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ragstone_server.spi.generator import Fault, Finished, FinishReason, GeneratorFailed, Usage
from ragstone_server.testing.conformance.generator import (
    HARBOUR,
    OPENED,
    answer_text,
    collect,
    generate_request,
    numbered,
)
from tests.unit.plugins.litellm_provider.conftest import Opening

REQUEST = generate_request(OPENED, numbered(1, HARBOUR))
BEGIN = (
    {
        "type": "message_start",
        "message": {"usage": {"input_tokens": 11, "output_tokens": 1}, "id": "m", "model": "small"},
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "In 1911 [1]."}},
)
END = (
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
)
OVERLOADED = ({"type": "error", "error": {"type": "overloaded_error", "message": "secret"}},)


class Messages:
    """A server that sends the same events to everyone; it leaves the answer open where `holds` is set."""

    def __init__(self, *events: object, holds: bool = False) -> None:
        self.closed = asyncio.Event()
        self.url = ""
        self._body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)  # type: ignore[index]
        self._holds = holds

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Messages"]:
        async with await asyncio.start_server(self._connected, "127.0.0.1", 0) as server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield self

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        body = self._body.encode()
        writer.write(head.encode() + b"%x\r\n%b\r\n" % (len(body), body))
        if self._holds:
            while await reader.read(65536):
                pass
            self.closed.set()
        else:
            writer.write(b"0\r\n\r\n")
        writer.close()


async def test_answers(opening: Opening) -> None:
    async with (
        Messages(*BEGIN, *END).serving() as server,
        opening(model="anthropic/small", url=server.url) as generator,
    ):
        events = await collect(generator, REQUEST)
    assert answer_text(events) == "In 1911 [1]."
    usage = Usage(input_tokens=11, output_tokens=7, estimated=False)
    assert events[-1] == Finished(finish_reason=FinishReason.STOP, abstention=None, usage=usage)


@pytest.mark.parametrize(("events", "fault"), [(BEGIN, Fault.CUT), ((*BEGIN, *OVERLOADED), Fault.REPORTED)])
async def test_fails(opening: Opening, events: tuple[object, ...], fault: Fault) -> None:
    async with Messages(*events).serving() as server, opening(model="anthropic/small", url=server.url) as generator:
        with pytest.raises(GeneratorFailed) as failed:
            await collect(generator, REQUEST)
    assert failed.value.fault is fault
    assert "secret" not in failed.value.message


async def test_leaving_early_closes_the_connection(opening: Opening) -> None:
    async with (
        Messages(*BEGIN, holds=True).serving() as server,
        opening(model="anthropic/small", url=server.url) as generator,
    ):
        async with generator(REQUEST) as events:
            await anext(events)
        await server.closed.wait()

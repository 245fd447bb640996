"""Events on their way out: what waits is joined, silence is broken, a slow reader slows the answer."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from ragstone_server.catalog.watermark import Watermark
from ragstone_server.pipelines.events import AttemptStarted, Delta, QueryEvent, Started
from ragstone_server.spi.errors import StageFailed
from ragstone_server.spi.positions import CollectionKey, Position
from ragstone_server.transport.grpc.settings import GrpcSettings
from ragstone_server.transport.grpc.streaming import WAITING_EVENTS, Heartbeat, outgoing

STARTED = Started(request_id="r", watermark=Watermark(epoch="e", collection=CollectionKey(1), position=Position(0)))
MODEL = AttemptStarted(model="m")
SETTINGS = GrpcSettings(heartbeat_seconds=3600)


class Source:
    """Gives events, one step at a time where the test says so."""

    def __init__(self, *steps: QueryEvent | float | Exception) -> None:
        self.steps = steps
        self.given = 0
        self.closed = False

    async def events(self) -> AsyncGenerator[QueryEvent, None]:
        try:
            for step in self.steps:
                if isinstance(step, float):
                    await asyncio.sleep(step)
                elif isinstance(step, Exception):
                    raise step
                else:
                    self.given += 1
                    yield step
        finally:
            self.closed = True


async def read(source: Source, settings: GrpcSettings = SETTINGS, pause: float = 0) -> list[QueryEvent | Heartbeat]:
    seen = []
    async with aclosing(outgoing(source.events(), settings)) as stream:
        async for event in stream:
            seen.append(event)
            await asyncio.sleep(pause)
    return seen


def deltas(*texts: str) -> list[QueryEvent]:
    return [Delta(text=text) for text in texts]


async def test_a_delta_that_waits_alone_is_not_delayed() -> None:
    source = Source(Delta(text="one"), 0.02, Delta(text="two"), 0.02)
    assert await read(source) == deltas("one", "two")


async def test_deltas_that_wait_together_become_one() -> None:
    source = Source(*deltas(*"abcdef"))
    assert await read(source, pause=0.01) == deltas("abcdef")


async def test_nothing_changes_places() -> None:
    source = Source(STARTED, *deltas("a", "b"), MODEL, *deltas("c", "d"), MODEL)
    assert await read(source, pause=0.01) == [STARTED, *deltas("ab"), MODEL, *deltas("cd"), MODEL]


async def test_a_message_has_its_bound() -> None:
    settings = GrpcSettings(heartbeat_seconds=3600, max_coalesced_bytes=3)
    seen = await read(Source(*deltas(*"abcdefgh")), settings, pause=0.01)
    texts = [event.text for event in seen if isinstance(event, Delta)]
    assert "".join(texts) == "abcdefgh"
    assert max(map(len, texts)) == 3


async def test_the_bound_of_a_message_is_in_bytes() -> None:
    settings = GrpcSettings(heartbeat_seconds=3600, max_coalesced_bytes=4)
    seen = await read(Source(*deltas(*"äöüßäöüß")), settings, pause=0.01)
    assert max(len(event.text) for event in seen if isinstance(event, Delta)) == 2


async def test_silence_is_broken_by_heartbeats() -> None:
    seen = await read(Source(STARTED, 0.05, MODEL), GrpcSettings(heartbeat_seconds=0.01))
    assert seen[0] == STARTED
    assert seen[-1] == MODEL
    assert 2 <= seen.count(Heartbeat()) <= 6


async def test_an_error_comes_after_what_was_said_before_it() -> None:
    source = Source(STARTED, Delta(text="a"), StageFailed("it failed"))
    async with aclosing(outgoing(source.events(), SETTINGS)) as stream:
        assert await anext(stream) == STARTED
        assert await anext(stream) == Delta(text="a")
        with pytest.raises(StageFailed, match="it failed"):
            await anext(stream)


async def test_leaving_early_stops_the_answer() -> None:
    source = Source(STARTED, 3600.0)
    async with aclosing(outgoing(source.events(), SETTINGS)) as stream:
        assert await anext(stream) == STARTED
    assert source.closed


async def test_a_reader_that_stops_slows_the_answer() -> None:
    source = Source(*[MODEL] * (WAITING_EVENTS * 3))
    async with aclosing(outgoing(source.events(), SETTINGS)) as stream:
        await anext(stream)
        await asyncio.sleep(0.05)
        assert source.given <= WAITING_EVENTS + 2
    assert source.closed

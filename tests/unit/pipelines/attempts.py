"""Attempts of models in memory, and what came of them."""

import random
from typing import Any

from ragstone_server.catalog.watermark import Watermark
from ragstone_server.pipelines.events import AttemptDiscarded, Completed, Delta
from ragstone_server.pipelines.generate import Choice, Generate
from ragstone_server.routing.settings import MidStream
from ragstone_server.spi.evidence import NumberedPassage
from ragstone_server.spi.generator import (
    Fault,
    Finished,
    FinishReason,
    GenerateRequest,
    GeneratorFailed,
    Usage,
)
from ragstone_server.spi.positions import CollectionKey, Position
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.testing.conformance.samples import CONTEXT, scored
from ragstone_server.testing.memory.clock import MemoryClock
from ragstone_server.testing.memory.generator import MemoryGenerator, Step
from ragstone_server.testing.memory.host import MemoryLane
from ragstone_server.testing.memory.router import memory_router
from ragstone_server.wrappers.fallible import fallible
from tests.unit.pipelines.house import routes

LANE = MemoryLane("interactive", 1)
ROUTER = fallible(memory_router, "router", skip=True)
WATERMARK = Watermark(epoch="e", collection=CollectionKey(1), position=Position(3))
REQUEST = GenerateRequest(
    context=CONTEXT,
    question="When?",
    search_text="When?",
    turns=(),
    evidence=(NumberedPassage(number=1, scored=scored(1, "nine"), range=ByteRange(start=0, end=4), text="nine"),),
    max_output_tokens=100,
)
CUT = GeneratorFailed(Fault.CUT, usage=Usage(input_tokens=7, output_tokens=2, estimated=True))
DOWN = GeneratorFailed(Fault.UNREACHABLE)
BUSY = GeneratorFailed(Fault.RATE_LIMITED, retry_after_s=60.0)
END = Finished(
    finish_reason=FinishReason.STOP,
    abstention=None,
    usage=Usage(input_tokens=10, output_tokens=3, estimated=False),
)


def model(name: str, *steps: Step) -> MemoryGenerator:
    return MemoryGenerator(steps, model=name)


async def told(
    *generators: MemoryGenerator, choice: MidStream | None = None, request: GenerateRequest = REQUEST, **settings: Any
) -> list[Any]:
    clock = MemoryClock()
    generate = Generate(routes(*generators, clock=clock, **settings), ROUTER, clock, random.Random(1), LANE)
    return [event async for event in generate(request, Choice(mid_stream=choice), WATERMARK)]


def faults(found: list[Any]) -> list[str | None]:
    assert isinstance(found[-1], Completed)
    return [attempt.fault for attempt in found[-1].attempts]


def of(kind: type, found: list[Any]) -> list[Any]:
    return [event for event in found if isinstance(event, kind)]


def read(found: list[Any]) -> str:
    """What a caller has before it who obeys the stream."""
    text = ""
    for event in found:
        if isinstance(event, AttemptDiscarded):
            text = ""
        if isinstance(event, Delta):
            text += event.text
    return text

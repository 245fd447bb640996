"""Notes how long a stage took."""

from typing import TypeVar

from ragstone_server.observe.stage_times import note
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.stages import Stage

RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")


def timed(stage: Stage[RequestT, ResultT], name: str, clock: Clock) -> Stage[RequestT, ResultT]:
    """Note the time of every call, also of one that fails."""

    async def call(request: RequestT, /) -> ResultT:
        began = clock.monotonic()
        try:
            return await stage(request)
        finally:
            note(name, clock.monotonic() - began)

    return call

"""A host for tests: real thread pools, and the clock and stages that a test gives it."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import ParamSpec, Self, TypeVar, cast

from ragstone_server.spi.clock import Clock
from ragstone_server.spi.kinds import Kind
from ragstone_server.testing.memory.clock import MemoryClock

StageT = TypeVar("StageT")
ResultT = TypeVar("ResultT")
Parameters = ParamSpec("Parameters")

_NOTHING: Mapping[str, object] = MappingProxyType({})


class MemoryLane:
    """Fits `spi.host.Lane`."""

    def __init__(self, name: str, threads: int) -> None:
        self.threads = threads
        self.executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(
        self, function: Callable[Parameters, ResultT], /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> ResultT:
        """Call in a thread of the lane."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, partial(function, *args, **kwargs))


class MemoryHost:
    """Fits `spi.host.Host`; an async context manager that stops its threads."""

    def __init__(
        self,
        data_dir: Path,
        models_dir: Path,
        needed: Mapping[str, object] = _NOTHING,
        *,
        clock: Clock | None = None,
        threads: int = 2,
    ) -> None:
        self.data_dir = data_dir
        self.models_dir = models_dir
        self.clock: Clock = clock or MemoryClock()
        self.interactive = MemoryLane("interactive", threads)
        self.bulk = MemoryLane("bulk", threads)
        self._needed = needed
        self._stack = AsyncExitStack()

    def needed(self, kind: Kind[StageT], /) -> StageT:
        """The stage given for this kind, by its name. Raises `KeyError` where none was."""
        return cast(StageT, self._needed[kind.name])

    async def __aenter__(self) -> Self:
        for lane in (self.interactive, self.bulk):
            self._stack.push_async_callback(asyncio.to_thread, lane.executor.shutdown)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

"""Thread pools of the server, so that the event loop only waits."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import ParamSpec, TypeVar

ResultT = TypeVar("ResultT")
Parameters = ParamSpec("Parameters")


class ThreadLane:
    """A pool of threads; fits `spi.host.Lane`."""

    def __init__(self, executor: ThreadPoolExecutor, threads: int) -> None:
        self._executor = executor
        self.threads = threads

    async def run(
        self, function: Callable[Parameters, ResultT], /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> ResultT:
        """Call in a thread of the lane."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, partial(function, *args, **kwargs))


@asynccontextmanager
async def thread_lane(name: str, threads: int) -> AsyncIterator[ThreadLane]:
    """Open a lane; leaving waits for the calls that run."""
    executor = ThreadPoolExecutor(threads, thread_name_prefix=f"ragstone-{name}")
    try:
        yield ThreadLane(executor, threads)
    finally:
        await asyncio.to_thread(executor.shutdown, cancel_futures=True)

"""Worker processes as the server sees them: one document in, one outcome out, whatever happens in between."""

import asyncio
import logging
import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from pebble import ProcessExpired, ProcessPool

from ragstone_plugins.documents import worker
from ragstone_plugins.documents.outcome import Failure, Outcome, Refusal
from ragstone_plugins.documents.settings import DocumentsSettings
from ragstone_server.spi.errors import StartError
from ragstone_server.spi.parser import ParseRequest

_log = logging.getLogger(__name__)

_PRELOADED = "ragstone_plugins.documents.preload"
_START_SECONDS = 60.0
_GRACE_SECONDS = 20.0
_TRIES = 2


class WorkerPool:
    """A fixed number of workers. Each has a pool of its own, so that the death of one never harms the pipe of another."""

    def __init__(self, settings: DocumentsSettings) -> None:
        """Start nothing yet."""
        self._settings = settings
        self._idle: asyncio.Queue[_Cell] = asyncio.Queue()
        self._cells = [_Cell(settings) for _ in range(settings.workers)]

    async def start(self) -> None:
        """Start the workers and wait until they are ready; raise `StartError` where one is not."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                await asyncio.gather(*(cell.call(worker.ready, timeout=_START_SECONDS) for cell in self._cells))
        except (OSError, RuntimeError) as error:
            raise StartError(
                "The workers that read documents do not start; the memory limit may be too low."
            ) from error
        for cell in self._cells:
            self._idle.put_nowait(cell)

    async def read(self, request: ParseRequest) -> Outcome:
        """Read one document in the next free worker. Cancelling kills that worker, and another takes its place."""
        cell = await self._idle.get()
        try:
            return await self._read(cell, request)
        finally:
            self._idle.put_nowait(cell)

    async def close(self) -> None:
        """Kill the workers and wait until they are gone."""
        await asyncio.gather(*(cell.close() for cell in self._cells))

    async def _read(self, cell: "_Cell", request: ParseRequest) -> Outcome:
        seconds = self._settings.time_limit_seconds
        for _ in range(_TRIES):
            try:
                async with asyncio.timeout(seconds + _GRACE_SECONDS):
                    outcome: Outcome = await cell.call(worker.read, request, timeout=seconds)
                    return outcome
            except TimeoutError:
                return Refusal(failure=Failure.TIMED_OUT, detail=f"more than {seconds} s")
            except ProcessExpired as error:
                code = error.exitcode
                failure = Failure.TIMED_OUT if code == -signal.SIGXCPU else Failure.CRASHED
                return Refusal(failure=failure, detail=f"the worker ended with exit code {code}")
            except (BrokenProcessPool, RuntimeError) as error:
                # The worker died while it was idle, or before it took the document.
                _log.warning("A worker that reads documents was lost while idle: %s", type(error).__name__)
        return Refusal(failure=Failure.CRASHED, detail="the worker died before it could begin")


class _Cell:
    """One worker process, and its successor once anything irregular has happened to it."""

    def __init__(self, settings: DocumentsSettings) -> None:
        self._settings = settings
        self._pool = self._new()
        self._stopping: set[asyncio.Task[None]] = set()

    async def call(self, function: Callable[..., Any], *arguments: object, timeout: float) -> Any:
        """Run a function in the worker. Cancelling kills the worker.

        Raises:
            TimeoutError: it took longer than `timeout` seconds; the worker is killed.
            ProcessExpired: the worker died.
            BrokenProcessPool, RuntimeError: the worker had died before.
        """
        try:
            return await asyncio.wrap_future(self._pool.schedule(function, args=arguments, timeout=timeout))
        except BaseException:
            # The pool would start another worker, but one killed while it wrote leaves half a message in the pipe, and
            # one that finishes while it is being killed may have begun the next document.
            self._replace()
            raise

    def _replace(self) -> None:
        """Give up the pool, in the background; a new one starts with the next call."""
        task = asyncio.create_task(asyncio.to_thread(_stop, self._pool))
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)
        self._pool = self._new()

    async def close(self) -> None:
        """End the worker, and those that are still ending."""
        await asyncio.gather(asyncio.to_thread(_stop, self._pool), *self._stopping)

    def _new(self) -> ProcessPool:
        """A pool that starts its worker when it is first used.

        Workers are forked from a small process that has only the libraries loaded: the server's own memory, with its
        secrets and threads, is never copied.
        """
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([_PRELOADED])
        settings = self._settings
        limits = worker.Limits(
            time_seconds=settings.time_limit_seconds,
            memory_bytes=settings.memory_bytes,
            max_expanded_bytes=settings.max_expanded_bytes,
        )
        return ProcessPool(
            max_workers=1,
            max_tasks=settings.documents_per_worker,
            initializer=worker.start,
            initargs=(limits,),
            context=context,
        )


def _stop(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()

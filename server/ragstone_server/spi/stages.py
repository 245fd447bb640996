"""The two shapes that carry the whole request path."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

RequestT_contra = TypeVar("RequestT_contra", contravariant=True)
ResultT_co = TypeVar("ResultT_co", covariant=True)


class Stage(Protocol[RequestT_contra, ResultT_co]):
    """One request in, one result out. A plain async function fits.

    A stage raises `ragstone_server.spi.errors.RequestError` for what the caller can act upon and lets everything else
    propagate. It never catches `asyncio.CancelledError` without raising it again.
    """

    async def __call__(self, request: RequestT_contra, /) -> ResultT_co:
        """Do the stage's work."""
        ...


class StreamStage(Protocol[RequestT_contra, ResultT_co]):
    """One request in, a stream of events out, closed where it was opened.

    Entering the context starts the work; leaving it, for whatever cause, stops the work and frees what it held before
    `__aexit__` returns. The iterator may be left unfinished.
    """

    def __call__(self, request: RequestT_contra, /) -> AbstractAsyncContextManager[AsyncIterator[ResultT_co]]:
        """Begin the stage's work."""
        ...

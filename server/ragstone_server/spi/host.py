"""What the server hands to a plugin that it opens."""

from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from ragstone_server.spi.clock import Clock
from ragstone_server.spi.kinds import Kind

StageT = TypeVar("StageT")
ResultT = TypeVar("ResultT")
Parameters = ParamSpec("Parameters")


class Lane(Protocol):
    """A pool of threads that the server owns. Work in it must release the GIL or be short."""

    @property
    def threads(self) -> int:
        """How many calls run at once."""
        ...

    async def run(
        self, function: Callable[Parameters, ResultT], /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> ResultT:
        """Call in a thread of the lane. Cancelling stops the waiting, not the call."""
        ...


class Host(Protocol):
    """The server, as a plugin sees it."""

    @property
    def clock(self) -> Clock:
        """Time."""
        ...

    @property
    def data_dir(self) -> Path:
        """Where the server keeps its data; the plugin may make a folder of its own name in it."""
        ...

    @property
    def models_dir(self) -> Path:
        """Where model directories lie, one a model."""
        ...

    @property
    def interactive(self) -> Lane:
        """Threads kept free for what a caller waits for."""
        ...

    @property
    def bulk(self) -> Lane:
        """Threads for documents and background work."""
        ...

    def needed(self, kind: Kind[StageT], /) -> StageT:
        """The opened stage of a kind that the provider named in `needs`."""
        ...

"""What an operation does, as the room above writes it, and what it is given while it runs."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ragstone_server.spi.errors import RagstoneError

Values = Mapping[str, Any]
"""What JSON can say."""


class OperationStopped(RagstoneError):
    """The operation was cancelled by a caller."""


class Run:
    """One operation that is run. What it saved last is where the next runner goes on."""

    def __init__(self, parameters: str, progress: str, save: Callable[[str], Awaitable[bool]]) -> None:
        """`save` keeps a progress and says whether the operation is to be cancelled."""
        self.parameters: Values = json.loads(parameters)
        self.steps = 0
        """How often it was saved in this run."""
        self.cancel_requested = False
        self._saved = progress
        self._save = save

    @property
    def progress(self) -> Values:
        """As it was saved last, the caller's own to change; empty before the first step."""
        return json.loads(self._saved) if self._saved else {}

    async def step(self, progress: Values) -> None:
        """Keep how far it is; on disk when it returns. Raises `OperationStopped`, `OperationLost`."""
        saved = json.dumps(progress, separators=(",", ":"))
        if await self._save(saved):
            self.cancel_requested = True
        self._saved = saved
        self.steps += 1
        self.check()

    def check(self) -> None:
        """For between two steps that are long. Raises `OperationStopped`."""
        if self.cancel_requested:
            raise OperationStopped


class Work(Protocol):
    """Does it, from `run.progress` on, and returns the result.

    It may be called again after a failure that passes (`CatalogUnavailable`, `Overloaded`, `StorageFull`), or by another
    process after the end of this one: whatever was done since the last step is done once more. A `RequestError` ends the
    operation as failed, with its reason.
    """

    async def __call__(self, run: Run, /) -> Values:
        """The result."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationKind:
    """A kind that this process can run."""

    name: str
    work: Work

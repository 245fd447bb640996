"""What every request carries with it: who asks, until when, with which options."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from ragstone_server.spi.names import CollectionName

OptionsT = TypeVar("OptionsT", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks."""

    principal: str
    """The caller's own name, as in `user:ada`."""
    groups: frozenset[str] = frozenset()
    """Principals of the groups it belongs to."""

    @property
    def principals(self) -> frozenset[str]:
        """All names under which it may read."""
        return self.groups | {self.principal}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """Read-only companion of a request through all stages."""

    request_id: str
    caller: Caller
    collection: CollectionName
    deadline: float | None = None
    """When the caller stops waiting, in seconds of `Clock.monotonic`; None: never."""
    options: Mapping[str, BaseModel] = field(default_factory=dict)
    """The caller's options by kind of stage, already checked by the provider's own model."""

    def options_of(self, kind: str, model: type[OptionsT]) -> OptionsT:
        """The caller's options for a stage of this kind, or the defaults of `model`."""
        options = self.options.get(kind)
        return options if isinstance(options, model) else model()

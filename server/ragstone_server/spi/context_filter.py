"""Context filter: takes out what should not reach the prompt."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.evidence import ScoredPassage
from ragstone_server.spi.stages import Stage


class DropReason(StrEnum):
    """Why a passage was taken out."""

    DUPLICATE = "duplicate"
    """It says nearly the same as one before it."""
    BELOW_THRESHOLD = "below_threshold"
    """Its score is too low to be of use."""
    SUPERSEDED = "superseded"
    """A newer version of its document is among the passages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextFilterRequest:
    """Ranked passages, best first."""

    context: RequestContext
    question: str
    passages: tuple[ScoredPassage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """One passage that was taken out."""

    index: int
    """Of the passage in the request."""
    reason: DropReason


@dataclass(frozen=True, slots=True, kw_only=True)
class FilteredContext:
    """What stays, in the order of the request, and what went."""

    kept: tuple[ScoredPassage, ...]
    dropped: tuple[Dropped, ...]


ContextFilter: TypeAlias = Stage[ContextFilterRequest, FilteredContext]
"""Each passage is kept or dropped, never changed, and the order stays."""

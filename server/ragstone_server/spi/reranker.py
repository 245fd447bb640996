"""Reranker: puts passages in a better order."""

from dataclasses import dataclass
from typing import TypeAlias

from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.evidence import ScoredPassage
from ragstone_server.spi.stages import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankRequest:
    """Passages to order for a question."""

    context: RequestContext
    question: str
    passages: tuple[ScoredPassage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One place in the new order."""

    index: int
    """Of the passage in the request."""
    score: float
    """0 to 1, not rising along the ranking."""


Reranker: TypeAlias = Stage[RerankRequest, tuple[Ranked, ...]]
"""Every passage of the request at most once, best first; one that is left out is dropped. No passages give an empty ranking."""

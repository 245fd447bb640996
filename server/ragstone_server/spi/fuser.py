"""Fuser: the hits of several retrievers become one ranking."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.positions import PassageKey
from ragstone_server.spi.stages import Stage
from ragstone_server.spi.views import Hit

DENSE = "dense"
LEXICAL = "lexical"


@dataclass(frozen=True, slots=True, kw_only=True)
class FuseRequest:
    """Hits by retriever (`dense`, `lexical`), each best first; one that failed or was skipped is absent."""

    context: RequestContext
    hits: Mapping[str, tuple[Hit, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FusedHit:
    """One passage with the scores that made its place."""

    key: PassageKey
    score: float
    """0 to 1."""
    scores: Mapping[str, float]
    """The raw score of each retriever that proposed it."""


Fuser: TypeAlias = Stage[FuseRequest, tuple[FusedHit, ...]]
"""Every passage of every retriever once, best first; ties in the order of the keys. No hits give an empty tuple."""

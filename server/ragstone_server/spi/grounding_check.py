"""Grounding check: how well passages support what is said."""

from dataclasses import dataclass
from typing import TypeAlias

from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.stages import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One sentence, without its citation markers."""

    text: str
    cited: tuple[int, ...] = ()
    """Indexes of the passages that it names; empty: any of them may support it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundingRequest:
    """What is said, and what it may rest on."""

    context: RequestContext
    claims: tuple[Claim, ...]
    passages: tuple[str, ...]
    decisive: float | None = None
    """All that matters is which scores reach this one: what cannot change that may be left out, and scores be rougher."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """How well one claim is supported."""

    score: float
    """0: nothing of it is there; 1: it is there as it stands."""
    passage: int | None
    """Index of the passage that supports it best; None where none says anything of it."""


GroundingCheck: TypeAlias = Stage[GroundingRequest, tuple[Support, ...]]
"""One support a claim, in their order. A claim is judged against the passages that it cites alone, where it cites any.

A claim whose numbers, names or negation differ from those of the passage has a lower score than one whose do not.
"""

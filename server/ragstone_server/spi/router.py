"""Router: which route of models answers a question."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.evidence import NumberedPassage
from ragstone_server.spi.stages import Stage
from ragstone_server.spi.turns import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRequest:
    """The question, its evidence, and the routes that there are."""

    context: RequestContext
    question: str
    turns: tuple[Turn, ...]
    evidence: tuple[NumberedPassage, ...]
    routes: tuple[str, ...]
    """Names; `default` is among them."""
    max_cost: Decimal | None = None
    """Budget that is left for the answer, in US dollars; None: there is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteChoice:
    """One of the routes, and why."""

    route: str
    why: str
    """A few words for people, as in `32 words`; holds no text of the question."""


Router: TypeAlias = Stage[RouteRequest, RouteChoice]
"""Chooses one of the routes of the request. The same request gets the same choice, unless its docstring says otherwise."""

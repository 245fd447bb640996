"""Rewriter: a question, as it was asked, becomes the words to search with."""

from dataclasses import dataclass
from typing import TypeAlias

from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.stages import Stage
from ragstone_server.spi.turns import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteRequest:
    """The question and what was said before it."""

    context: RequestContext
    question: str
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchText:
    """What the retrievers search with."""

    dense: str
    """For the embedder: a whole question, understood without the turns."""
    lexical: str
    """For BM25: the words that carry meaning."""


Rewriter: TypeAlias = Stage[RewriteRequest, SearchText]
"""Neither text is empty where the question is not. The same request gives the same texts, unless its docstring says otherwise."""

"""The doors for plugins: one hook a kind. Hooks register providers at start-up; none runs on a request.

A plugin is a module or object named by an entry point of the group `ragstone.plugins.v1`, with functions marked `@hookimpl`.
"""

from collections.abc import Iterable
from typing import Any

import pluggy

from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.spi.chunker import Chunker
from ragstone_server.spi.context_filter import ContextFilter
from ragstone_server.spi.embedder import Embedder
from ragstone_server.spi.fuser import Fuser
from ragstone_server.spi.generator import Generator
from ragstone_server.spi.grounding_check import GroundingCheck
from ragstone_server.spi.lexical_index import LexicalIndex
from ragstone_server.spi.parser import Parser
from ragstone_server.spi.provider import Provider
from ragstone_server.spi.reranker import Reranker
from ragstone_server.spi.rewriter import Rewriter
from ragstone_server.spi.router import Router
from ragstone_server.spi.vector_index import VectorIndex

PROJECT = "ragstone"
ENTRY_POINT_GROUP = "ragstone.plugins.v1"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def ragstone_parsers() -> Iterable[Provider[Parser, Any]]:
    """Offer parsers: the bytes of a file become text with its structure."""
    return ()


@hookspec
def ragstone_chunkers() -> Iterable[Provider[Chunker, Any]]:
    """Offer chunkers: a parsed document becomes passages."""
    return ()


@hookspec
def ragstone_embedders() -> Iterable[Provider[Embedder, Any]]:
    """Offer embedders: texts become vectors."""
    return ()


@hookspec
def ragstone_vector_indexes() -> Iterable[Provider[VectorIndex, Any]]:
    """Offer vector indexes: views that find passages by meaning."""
    return ()


@hookspec
def ragstone_lexical_indexes() -> Iterable[Provider[LexicalIndex, Any]]:
    """Offer lexical indexes: views that find passages by words."""
    return ()


@hookspec
def ragstone_rewriters() -> Iterable[Provider[Rewriter, Any]]:
    """Offer rewriters: a question becomes search text."""
    return ()


@hookspec
def ragstone_fusers() -> Iterable[Provider[Fuser, Any]]:
    """Offer fusers: rankings of several retrievers become one."""
    return ()


@hookspec
def ragstone_rerankers() -> Iterable[Provider[Reranker, Any]]:
    """Offer rerankers: passages in a better order."""
    return ()


@hookspec
def ragstone_context_filters() -> Iterable[Provider[ContextFilter, Any]]:
    """Offer context filters: take out what should not reach the prompt."""
    return ()


@hookspec
def ragstone_routers() -> Iterable[Provider[Router, Any]]:
    """Offer routers: which route of models answers."""
    return ()


@hookspec
def ragstone_generators() -> Iterable[Provider[Generator, Any]]:
    """Offer generators: the answer, piece by piece."""
    return ()


@hookspec
def ragstone_grounding_checks() -> Iterable[Provider[GroundingCheck, Any]]:
    """Offer grounding checks: whether passages support what is said."""
    return ()


@hookspec
def ragstone_catalogs() -> Iterable[Provider[CatalogStore, Any]]:
    """Offer catalog stores: documents, versions and the change log."""
    return ()

"""The kinds of stages: how configuration, registry and hooks name them."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.spi.chunker import Chunker
from ragstone_server.spi.context_filter import ContextFilter
from ragstone_server.spi.embedder import Embedder
from ragstone_server.spi.fuser import Fuser
from ragstone_server.spi.generator import Generator
from ragstone_server.spi.grounding_check import GroundingCheck
from ragstone_server.spi.lexical_index import LexicalIndex
from ragstone_server.spi.parser import Parser
from ragstone_server.spi.reranker import Reranker
from ragstone_server.spi.rewriter import Rewriter
from ragstone_server.spi.router import Router
from ragstone_server.spi.vector_index import VectorIndex

StageT_co = TypeVar("StageT_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Kind(Generic[StageT_co]):
    """One kind of stage, typed by what a provider of it opens."""

    name: str
    """Section of the configuration, and the hook `ragstone_{name}s`."""
    summary: str
    """What it does, in a few words."""
    optional: bool = False
    """Whether the pipeline works without one (`use = "none"`)."""

    @property
    def hook(self) -> str:
        """Name of the hook that offers providers of this kind."""
        stem, plural = (self.name[:-1], "ies") if self.name.endswith("y") else (self.name, "s")
        if self.name.endswith("x"):
            stem, plural = self.name, "es"
        return f"ragstone_{stem}{plural}"


PARSER: Kind[Parser] = Kind("parser", "turns files into text")
CHUNKER: Kind[Chunker] = Kind("chunker", "cuts text into passages")
EMBEDDER: Kind[Embedder] = Kind("embedder", "turns text into vectors")
VECTOR_INDEX: Kind[VectorIndex] = Kind("vector_index", "finds passages by meaning")
LEXICAL_INDEX: Kind[LexicalIndex] = Kind("lexical_index", "finds passages by words")
REWRITER: Kind[Rewriter] = Kind("rewriter", "turns a question into search text")
FUSER: Kind[Fuser] = Kind("fuser", "joins the rankings of the retrievers")
RERANKER: Kind[Reranker] = Kind("reranker", "puts passages in a better order", optional=True)
CONTEXT_FILTER: Kind[ContextFilter] = Kind("context_filter", "takes out what should not reach the prompt")
ROUTER: Kind[Router] = Kind("router", "chooses the route of models that answers")
GENERATOR: Kind[Generator] = Kind("generator", "writes the answer")
GROUNDING_CHECK: Kind[GroundingCheck] = Kind("grounding_check", "judges whether passages support what is said")
CATALOG: Kind[CatalogStore] = Kind("catalog", "keeps documents, versions and the change log")

KINDS: tuple[Kind[Any], ...] = (
    PARSER,
    CHUNKER,
    EMBEDDER,
    VECTOR_INDEX,
    LEXICAL_INDEX,
    REWRITER,
    FUSER,
    RERANKER,
    CONTEXT_FILTER,
    ROUTER,
    GENERATOR,
    GROUNDING_CHECK,
    CATALOG,
)

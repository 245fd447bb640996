"""What follows the change log: a view of one generation of one collection."""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.positions import CollectionKey, DocumentKey, PassageKey, Position
from ragstone_server.spi.visibility import Attributes, Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewSpec:
    """Which view to open, and where its files lie."""

    collection: CollectionKey
    epoch: str
    """The catalog's; files of another epoch are refused and the view begins empty."""
    generation: str
    """Fingerprint of embedder, chunker and analyzer; likewise."""
    directory: Path
    """The view's own; made by the view where it is missing."""
    dimension: int
    """Of the vectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedPassage:
    """One passage as a view sees it."""

    key: PassageKey
    text: str
    """As rendered for search: title, headings and text. Empty in a batch without texts."""
    vector: NDArray[np.float16] | None
    """(dimension,), length 1; None in a batch without vectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChange:
    """A document's present state: it replaces whatever the view holds of this document. No passages: it is gone."""

    document: DocumentKey
    attributes: Attributes
    language: str | None
    passages: tuple[IndexedPassage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBatch:
    """Changes in commit order, each document once, and the position that the view has reached when all are applied."""

    changes: tuple[DocumentChange, ...]
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One passage that a view proposes."""

    key: PassageKey
    score: float
    """The greater the better; comparable within one search only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """Best first, each passage once, and the position of the view that was searched."""

    hits: tuple[Hit, ...]
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorQuery:
    """Search for the nearest vectors."""

    context: RequestContext
    vector: NDArray[np.float32]
    """(dimension,), length 1."""
    limit: int
    visibility: Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class LexicalQuery:
    """Search for words."""

    context: RequestContext
    text: str
    """Plain words; nothing in it is query syntax."""
    limit: int
    visibility: Visibility


class View(Protocol):
    """What a vector and a lexical view have in common. One task at a time applies; searches run beside it.

    Applying is idempotent: after a crash the log is applied again from `durable`. A view that is missing, of another epoch or
    another generation opens empty at position 0 and is filled again. Of a view with a damaged file the rest goes on answering:
    `lost` says whose passages have to be given again; where even that cannot be told, it opens empty at position 0.
    """

    @property
    def position(self) -> Position:
        """All changes up to here are searchable."""
        ...

    @property
    def durable(self) -> Position:
        """All changes up to here survive `kill -9` and loss of power; the log may be trimmed up to here."""
        ...

    async def apply(self, batch: ChangeBatch, /) -> None:
        """Make the changes searchable; returns when they are. Raises `StorageFull` where no space is left."""
        ...

    async def flush(self) -> None:
        """Make durable what was applied."""
        ...

    async def reset(self) -> None:
        """Forget everything, on disk too; position and durable are 0 after it, and nothing is lost."""
        ...

    @property
    def lost(self) -> DocumentKey | None:
        """None: nothing. Otherwise passages of documents with keys greater than this one went with a damaged file.

        `position` and `durable` are true of all other documents. What is lost is known across restarts.
        """
        ...

    @property
    def damage(self) -> str:
        """What was found damaged last: where, what was expected, what was found; for operators. Empty: nothing."""
        ...

    async def harmed(self) -> None:
        """Return when something has been lost since the last call; for one waiting task."""
        ...

    async def repair(self, batch: ChangeBatch, after: DocumentKey, upto: DocumentKey | None, /) -> None:
        """Give again what was lost of the documents with keys above `after` and up to `upto` (None: all above).

        `batch` has the present state of all of these; those that are not in it are gone. The position stays. Raises `StorageFull`.
        """
        ...

    async def count(self) -> int:
        """How many passages are searchable."""
        ...


class VectorView(View, Protocol):
    """Nearest vectors by inner product; the score is that product, -1 to 1. `search` fits `Stage[VectorQuery, Hits]`."""

    async def search(self, request: VectorQuery, /) -> Hits:
        """The best `limit` passages that `visibility` allows, fewer where there are fewer; never one it does not allow."""
        ...


class LexicalView(View, Protocol):
    """BM25; the score is positive and has no upper bound. `search` fits `Stage[LexicalQuery, Hits]`."""

    async def search(self, request: LexicalQuery, /) -> Hits:
        """The best `limit` passages with a word of the text that `visibility` allows; none for a text without words."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inventory:
    """All that a view holds, at one instant."""

    position: Position
    passages: NDArray[np.int64]
    """(rows,): keys of the passages that are searchable, in any order."""
    documents: NDArray[np.int64]
    """(rows,): keys of their documents."""
    vectors: NDArray[np.uint32] | None
    """(rows,): `vector_digest` of each row; None in a view without vectors."""
    attributes: NDArray[np.uint32]
    """(rows,): `attributes_digest` of what the row is filtered by."""
    texts: NDArray[np.uint32] | None
    """(rows,): `text_digest` of what was indexed; None in a view without texts."""


@runtime_checkable
class ListedView(Protocol):
    """A view that may offer it beside its own: with it, what it holds can be compared with the catalog."""

    async def inventory(self) -> Inventory:
        """Of the view as it is at some instant of the call; it goes on applying and searching meanwhile."""
        ...


@runtime_checkable
class CheckedView(Protocol):
    """A view that may offer it beside its own: it can tell whether its files are whole."""

    async def check(self) -> tuple[str, ...]:
        """What is wrong with the files, a line each, read from the disk in full; none: they are whole."""
        ...


def vector_digest(vectors: NDArray[np.float16]) -> NDArray[np.uint32]:
    """CRC-32 of the bytes of each row of (rows, dimension), as little-endian half floats."""
    rows = np.ascontiguousarray(vectors, dtype="<f2")
    return np.fromiter((zlib.crc32(row) for row in rows), dtype=np.uint32, count=len(rows))

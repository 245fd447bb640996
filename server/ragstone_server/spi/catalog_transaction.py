"""Writes of one collection, all or nothing."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from ragstone_server.spi.catalog_records import (
    CollectionRecord,
    DocumentFields,
    NewContent,
    NewCut,
    StoredVersion,
)
from ragstone_server.spi.errors import RequestError
from ragstone_server.spi.generations import Generation, GenerationNumber, GenerationState, Recipe
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import ContentKey, Position


class CatalogTransaction(Protocol):
    """Writes of one collection, whose row is locked: transactions of a collection come one after the other."""

    @property
    def collection(self) -> CollectionRecord:
        """The collection as it was when the lock was taken, and its generations as they are."""
        ...

    async def versions(self, documents: Iterable[DocumentId], /) -> Mapping[DocumentId, StoredVersion]:
        """Versions and fences of the documents that have one."""
        ...

    async def put_document(
        self, document: DocumentId, version: int, fields: DocumentFields, content: NewContent | None, now: datetime, /
    ) -> Position:
        """Write a document's new version and its row in the change log; return the position.

        Content None keeps the content that is there; raises `DocumentNotFound` where there is none. Otherwise the former
        content is superseded at the position; its passages stay readable until retired, with the title and the version that
        they had. A fence of the document is lifted. Raises `VectorsMissing` before anything is written.
        """
        ...

    async def delete_document(self, document: DocumentId, version: int, now: datetime, /) -> Position:
        """Delete a document with all its contents and leave a fence with the version (a keyed hash of the name, no content).

        Raises `DocumentNotFound`.
        """
        ...

    async def put_fence(self, document: DocumentId, version: int, now: datetime, /) -> None:
        """Leave a fence for a document that is not there."""
        ...

    async def add_generation(
        self, generation: Generation, recipe: Recipe | None, state: GenerationState, now: datetime, /
    ) -> GenerationNumber:
        """Have a further generation, to which documents are written from now on."""
        ...

    async def set_generation_state(self, number: GenerationNumber, state: GenerationState, now: datetime, /) -> None:
        """Move a generation; one that becomes live is activated now, and the one that was live becomes a former one.

        Raises `GenerationNotFound`.
        """
        ...

    async def put_cut(self, content: ContentKey, generation: GenerationNumber, cut: NewCut, /) -> bool:
        """Write the passages that a generation has of a content. No row of the change log: nobody follows it yet.

        False, and nothing is written, where the content is no longer the present one of its document, or has them already.
        Raises `VectorsMissing`, `GenerationNotFound`.
        """
        ...


class VectorsMissing(RequestError):
    """The vector of a passage is neither given nor stored any more: another document that had it went meanwhile; send it again."""

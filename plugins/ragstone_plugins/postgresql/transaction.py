"""One transaction of one collection."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from ragstone_plugins.postgresql import generations, reading
from ragstone_plugins.postgresql.connections import Statement, Transaction
from ragstone_plugins.postgresql.cuts import cut_statements
from ragstone_plugins.postgresql.values import lock_tenant
from ragstone_plugins.postgresql.writing import Gathered, Put
from ragstone_server.spi.catalog_rows import to_micros
from ragstone_server.spi.catalog_store import (
    CollectionRecord,
    DocumentFields,
    Generation,
    GenerationNumber,
    GenerationRecord,
    GenerationState,
    NewContent,
    NewCut,
    StoredVersion,
    VectorsMissing,
)
from ragstone_server.spi.errors import DocumentNotFound
from ragstone_server.spi.generations import Generations, Recipe, added, moved
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import ContentKey, Position

_KNOWN_VECTORS = """
    SELECT count(*) AS found FROM vector v JOIN space s ON s.key = v.space JOIN collection k ON k.tenant = s.tenant
    WHERE k.key = %s AND s.embedder = %s AND v.text_hash = ANY(%s)
"""


class PostgresqlTransaction:
    """Fits `CatalogTransaction`; of use as long as the context that gave it. The collection's row is locked."""

    def __init__(self, transaction: Transaction, fence_key: bytes, collection: CollectionRecord) -> None:
        self.collection = collection
        self._transaction = transaction
        self._fence_key = fence_key
        self._head = collection.head
        self._known: dict[DocumentId, StoredVersion | None] = {}
        self._gathered = Gathered(collection.key, fence_key)

    async def versions(self, documents: Iterable[DocumentId], /) -> Mapping[DocumentId, StoredVersion]:
        """Versions and fences of the documents that have one."""
        await self.send()
        wanted = list(documents)
        found = await reading.versions(self._transaction, self._fence_key, self.collection.key, wanted)
        self._known.update((document, found.get(document)) for document in wanted)
        return found

    async def put_document(
        self, document: DocumentId, version: int, fields: DocumentFields, content: NewContent | None, now: datetime, /
    ) -> Position:
        """Write a document's new version and its change."""
        if content is None:
            await self._exists(document)
        else:
            for cut in content.cuts.values():
                await self._check_vectors(cut)
        await self._touch(document)
        self._head = Position(self._head + 1)
        self._gathered.puts.append(Put(document, version, fields, content, self._head, to_micros(now)))
        return self._head

    async def delete_document(self, document: DocumentId, version: int, now: datetime, /) -> Position:
        """Delete a document with its contents and leave a fence."""
        await self._exists(document)
        await self._touch(document)
        self._head = Position(self._head + 1)
        self._gathered.deletions.append((document, self._head))
        self._gathered.fences.append((document, version, to_micros(now)))
        return self._head

    async def put_fence(self, document: DocumentId, version: int, now: datetime, /) -> None:
        """Leave a fence."""
        await self._touch(document)
        self._gathered.fences.append((document, version, to_micros(now)))

    async def add_generation(
        self, generation: Generation, recipe: Recipe | None, state: GenerationState, now: datetime, /
    ) -> GenerationNumber:
        """Have a further generation."""
        record = GenerationRecord(
            number=await generations.next_number(self._transaction, self.collection.key),
            generation=generation,
            recipe=recipe,
            state=state,
            created=now,
            activated=None,
        )
        await self._have(added(self.collection.generations, record))
        return record.number

    async def set_generation_state(self, number: GenerationNumber, state: GenerationState, now: datetime, /) -> None:
        """Move a generation. Raises `GenerationNotFound`."""
        await self._have(moved(self.collection.generations, number, state, now))

    async def put_cut(self, content: ContentKey, generation: GenerationNumber, cut: NewCut, /) -> bool:
        """Write the passages that a generation has of a content. Raises `VectorsMissing`, `GenerationNotFound`."""
        self.collection.generation(generation)
        await self.send()
        document = await generations.lacking(self._transaction, self.collection.key, content, generation)
        if document is None:
            return False
        await self._check_vectors(cut)
        await self._transaction.run(*lock_tenant(self.collection.key, alone=False))
        await self._transaction.send(cut_statements(self.collection.key, [(document, generation, cut)]))
        return True

    async def _have(self, all_of_them: Generations) -> None:
        await generations.have(self._transaction, self.collection.key, all_of_them)
        self.collection = replace(self.collection, generations=all_of_them)

    async def send(self) -> None:
        """Send what was gathered."""
        if self._gathered.touched:
            await self._transaction.send(self.left())

    def left(self) -> Iterator[Statement]:
        """What was gathered and not sent; it counts as sent."""
        return self._gathered.taken(self._head)

    async def _touch(self, document: DocumentId) -> None:
        if document in self._gathered.touched:
            await self.send()
        self._gathered.touched.add(document)
        self._known.pop(document, None)

    async def _exists(self, document: DocumentId) -> None:
        """Raises `DocumentNotFound`."""
        if document not in self._known:
            await self.versions([document])
        stored = self._known[document]
        if stored is None or stored.deleted:
            raise DocumentNotFound(metadata={"document": document})

    async def _check_vectors(self, cut: NewCut) -> None:
        """Look whether every passage will have one. Raises `VectorsMissing`."""
        absent = list({passage.text_hash for passage in cut.passages} - cut.vectors.keys())
        if not absent:
            return
        await self.send()
        # From now to the commit nobody deletes them, as the last passage of another collection goes.
        locked = lock_tenant(self.collection.key, alone=False)
        _, rows = await self._transaction.together(
            locked, (_KNOWN_VECTORS, (self.collection.key, cut.generation.embedder, absent))
        )
        if rows[0]["found"] < len(absent):
            raise VectorsMissing

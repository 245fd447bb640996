"""Documents, histories and a follower for the suite of catalog stores."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from ragstone_server.spi.catalog_store import (
    CatalogStore,
    CatalogTransaction,
    CollectionRecord,
    CollectionSettings,
    DefaultReaders,
    DocumentFields,
    Generation,
    GenerationNumber,
    LogTrimmed,
    NewContent,
    NewCut,
    NewPassage,
    StoredPassage,
    VersionScheme,
)
from ragstone_server.spi.evidence import rendered
from ragstone_server.spi.generations import FIRST
from ragstone_server.spi.metadata import MetadataValue
from ragstone_server.spi.names import CollectionId, CollectionName, DocumentId, TenantId
from ragstone_server.spi.positions import NO_POSITION, CollectionKey, DocumentKey, PassageKey, Position
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.views import ChangeBatch, DocumentChange
from ragstone_server.spi.visibility import Attributes

EMBEDDER = "sample-embedder"
DIMENSION = 8
GAP = "\n\n"
NOW = datetime(2025, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
LATER = datetime(2025, 3, 2, tzinfo=UTC)
TENANT = TenantId("acme")
NAME = CollectionName(tenant=TENANT, collection=CollectionId("handbook"))
SETTINGS = CollectionSettings(
    description="Sample.", default_readers=DefaultReaders.TENANT, version_scheme=VersionScheme.NUMBER
)
BEGIN = DocumentKey(0)


def name(collection: str, tenant: str = TENANT) -> CollectionName:
    """A collection's name."""
    return CollectionName(tenant=TenantId(tenant), collection=CollectionId(collection))


def text_hash(title: str, piece: str, headings: tuple[str, ...] = ()) -> bytes:
    """Of a passage as rendered."""
    return hashlib.blake2b(rendered(title, headings, piece).encode(), digest_size=16).digest()


def vector(key: bytes) -> NDArray[np.float16]:
    """The vector of a text hash."""
    seed = int.from_bytes(key[:8], "big")
    return np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float16)


def fields(title: str = "", metadata: dict[str, MetadataValue] | None = None, **other: object) -> DocumentFields:
    """Fields of a document; `readers` among the others."""
    readers = other.get("readers")
    return DocumentFields(
        title=title,
        uri=str(other.get("uri", "")),
        mime_type="text/plain",
        language="en",
        attributes=Attributes(
            metadata=metadata or {}, readers=frozenset(readers) if isinstance(readers, Iterable) else None
        ),
    )


def content(
    *pieces: str, title: str = "", headings: tuple[str, ...] = (), embedder: str = EMBEDDER, vectors: bool = True
) -> NewContent:
    """A text of these passages with an empty line between them."""
    ranges, begin = [], 0
    for piece in pieces:
        ranges.append(ByteRange(start=begin, end=begin + len(piece.encode())))
        begin = ranges[-1].end + len(GAP)
    hashes = [text_hash(title, piece, headings) for piece in pieces]
    text = GAP.join(pieces)
    return NewContent(
        content_hash=hashlib.sha256(f"{title}\0{text}".encode()).digest(),
        size_bytes=len(text.encode()) + 100,
        text=text,
        cuts={
            FIRST: NewCut(
                passages=tuple(
                    NewPassage(
                        passage_id=f"{key.hex()}-{ordinal}",
                        range=span,
                        page=ordinal + 1,
                        headings=headings,
                        text_hash=key,
                        tokens=len(piece.split()),
                    )
                    for ordinal, (piece, span, key) in enumerate(zip(pieces, ranges, hashes, strict=True))
                ),
                vectors={key: vector(key) for key in hashes} if vectors else {},
                generation=Generation(embedder=embedder, chunker="sample-chunker"),
            )
        },
    )


async def put(
    store: CatalogStore,
    collection: CollectionKey,
    document: str,
    *pieces: str,
    version: int = 1,
    of: DocumentFields | None = None,
) -> Position:
    """Write a document in a transaction of its own; without pieces its content stays."""
    described = of or fields()
    async with store.transaction(collection) as transaction:
        new = content(*pieces, title=described.title) if pieces else None
        return await transaction.put_document(DocumentId(document), version, described, new, NOW)


async def delete(store: CatalogStore, collection: CollectionKey, document: str, version: int = 2) -> Position:
    """Delete a document in a transaction of its own."""
    async with store.transaction(collection) as transaction:
        return await transaction.delete_document(DocumentId(document), version, NOW)


async def head(store: CatalogStore, collection: CollectionRecord) -> Position:
    """Position of the collection's last change."""
    return (await store.collection(collection.name)).head


@dataclass
class Follower:
    """A view in plain Python: what it holds when it has read the log, or a snapshot where the log was trimmed."""

    store: CatalogStore
    collection: CollectionKey
    position: Position = NO_POSITION
    generation: GenerationNumber = FIRST
    embedder: str = EMBEDDER
    documents: dict[DocumentKey, DocumentChange] = field(default_factory=dict)
    rebuilt: int = 0

    async def read(self, limit: int) -> ChangeBatch:
        """Apply the next batch, whatever it takes."""
        try:
            batch = await self.store.changes(
                self.collection, self.generation, self.position, limit, texts=True, vectors=self.embedder
            )
        except LogTrimmed:
            return await self.rebuild(limit)
        self.take(batch)
        self.position = batch.position
        return batch

    async def rebuild(self, limit: int) -> ChangeBatch:
        """Start again from a snapshot, then read on from where that began."""
        self.documents.clear()
        self.rebuilt += 1
        after: DocumentKey | None = BEGIN
        begun: ChangeBatch | None = None
        while after is not None:
            batch, after = await self.store.snapshot(
                self.collection, self.generation, after, limit, texts=True, vectors=self.embedder
            )
            begun = begun or batch
            self.take(batch)
        assert begun is not None
        self.position = begun.position
        return begun

    async def catch_up(self, limit: int = 10) -> None:
        """Read until nothing is new."""
        before = Position(-1)
        while before != self.position:
            before = self.position
            await self.read(limit)

    def take(self, batch: ChangeBatch) -> None:
        """Replace the documents of a batch."""
        assert len({change.document for change in batch.changes}) == len(batch.changes)
        for change in batch.changes:
            self.documents.pop(change.document, None)
            if change.passages:
                self.documents[change.document] = change

    def passages(self) -> list[PassageKey]:
        """Keys of all passages."""
        return [passage.key for change in self.documents.values() for passage in change.passages]

    def texts(self) -> list[str]:
        """Of all passages, sorted."""
        return sorted(passage.text for change in self.documents.values() for passage in change.passages)

    def plain(self) -> dict[DocumentKey, tuple[str, tuple[tuple[PassageKey, str, bytes | None], ...]]]:
        """Everything, in a form that compares."""
        return {key: plain(change) for key, change in self.documents.items()}

    async def stored(self) -> list[StoredPassage]:
        """What the catalog says of its passages, in the order of the keys."""
        found = await self.store.passages(self.collection, self.passages())
        return [found[key] for key in sorted(found)]


def plain(change: DocumentChange) -> tuple[str, tuple[tuple[PassageKey, str, bytes | None], ...]]:
    """A change in a form that compares: attributes, and key, text and vector of each passage."""
    return change.attributes.key, tuple(
        (each.key, each.text, None if each.vector is None else each.vector.tobytes()) for each in change.passages
    )


@dataclass(frozen=True)
class Step:
    """One act of a random history."""

    act: str
    """`put`, `move` (the content stays), `delete`, `retire`, `fail` (a put that is rolled back) or `read`."""
    document: str
    pieces: tuple[str, ...]
    colour: str


histories: st.SearchStrategy[list[Step]] = st.lists(
    st.builds(
        Step,
        act=st.sampled_from(["put", "put", "move", "delete", "retire", "fail", "read"]),
        document=st.sampled_from(["a", "b", "c"]),
        pieces=st.lists(st.sampled_from(["ferry", "Fähre", "паром", "渡し船 ⛴"]), min_size=1, max_size=3).map(tuple),
        colour=st.sampled_from(["red", "blue"]),
    ),
    max_size=12,
)


class Failure(Exception):
    """Raised by tests inside a transaction."""


async def fail_after(transaction: CatalogTransaction, document: str, *pieces: str, version: int = 9) -> None:
    """Write, then raise `Failure`."""
    await transaction.put_document(DocumentId(document), version, fields(), content(*pieces), NOW)
    raise Failure

"""A catalog in memory: deterministic, simple, and what the others are compared with. Waits for nothing but its locks."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.catalog_store import (
    CollectionHead,
    CollectionRecord,
    CollectionSettings,
    DocumentRecord,
    GenerationNumber,
    LogTrimmed,
    StoredPassage,
    StoredVersion,
    UncutContent,
)
from ragstone_server.spi.errors import CollectionAlreadyExists, CollectionNotEmpty, CollectionNotFound
from ragstone_server.spi.generations import without
from ragstone_server.spi.names import CollectionName, DocumentId, TenantId
from ragstone_server.spi.positions import NO_POSITION, CollectionKey, ContentKey, DocumentKey, PassageKey, Position
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.views import ChangeBatch
from ragstone_server.testing.memory.catalog_state import CollectionState, Keys, VectorKey
from ragstone_server.testing.memory.catalog_transaction import MemoryTransaction, name_hash
from ragstone_server.testing.memory.operation_store import MemoryOperationStore
from ragstone_server.testing.memory.prompt_store import MemoryPromptStore
from ragstone_server.testing.memory.question_store import MemoryQuestionStore
from ragstone_server.testing.memory.source_store import MemorySourceStore

_EPOCH = "00000000-0000-4000-8000-000000000000"


class MemoryCatalogStore:
    """Fits `CatalogStore`."""

    def __init__(self, epoch: str = _EPOCH, fence_key: bytes = b"memory") -> None:
        self.epoch = epoch
        self.shared = False
        self.snapshots = None
        self._fence_key = fence_key
        self._keys = Keys()
        self._states: dict[CollectionKey, CollectionState] = {}
        self.prompts = MemoryPromptStore(self._states)
        self.sources = MemorySourceStore(self.transaction)
        self.operations = MemoryOperationStore()
        self.questions = MemoryQuestionStore(self._states)
        self._vectors: dict[VectorKey, NDArray[np.float16]] = {}
        self._locks: defaultdict[CollectionKey, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def transaction(self, collection: CollectionKey, /) -> AsyncIterator[MemoryTransaction]:
        """Write to a copy, which takes the collection's place when the context is left without an error."""
        async with self._locks[collection]:
            state = self._state(collection)
            transaction = MemoryTransaction(state.copy(), self._vectors, self._keys, self._fence_key)
            yield transaction
            # As the collection was changed meanwhile by what takes no part in transactions.
            changed = self._state(collection).record
            transaction.state.record = replace(
                transaction.state.record, settings=changed.settings, updated=changed.updated
            )
            self._states[collection] = transaction.state
            self._vectors.update(transaction.vectors)
            self._sweep()

    async def create_collection(
        self, name: CollectionName, settings: CollectionSettings, now: datetime, /
    ) -> CollectionRecord:
        """Raises `CollectionAlreadyExists`."""
        if any(state.record.name == name for state in self._states.values()):
            raise CollectionAlreadyExists(metadata={"collection": str(name)})
        record = CollectionRecord(
            key=CollectionKey(next(self._keys.collections)),
            name=name,
            settings=settings,
            generations=(),
            created=now,
            updated=now,
            head=NO_POSITION,
            trimmed=NO_POSITION,
        )
        self._states[record.key] = CollectionState(record=record)
        return record

    async def collection(self, name: CollectionName, /) -> CollectionRecord:
        """Raises `CollectionNotFound`."""
        for state in self._states.values():
            if state.record.name == name:
                return state.record
        raise CollectionNotFound(f"there is no collection {name}", metadata={"collection": str(name)})

    async def collections(self, tenant: TenantId | None, after: str, limit: int, /) -> tuple[CollectionRecord, ...]:
        """A page of collections."""
        records = [s.record for s in self._states.values() if tenant is None or s.record.name.tenant == tenant]
        return tuple(sorted((r for r in records if str(r.name) > after), key=lambda r: str(r.name))[:limit])

    async def heads(self) -> tuple[CollectionHead, ...]:
        """Of the collections that have changed."""
        records = [state.record for state in self._states.values()]
        return tuple(CollectionHead(key=each.key, name=each.name, head=each.head) for each in records if each.head)

    async def update_collection(
        self, key: CollectionKey, settings: CollectionSettings, now: datetime, /
    ) -> CollectionRecord:
        """Raises `CollectionNotFound`."""
        state = self._state(key)
        state.record = replace(state.record, settings=settings, updated=now)
        return state.record

    async def delete_collection(self, key: CollectionKey, /, *, force: bool) -> None:
        """Raises `CollectionNotFound`, and `CollectionNotEmpty` without force."""
        async with self._locks[key]:
            if self._state(key).documents and not force:
                raise CollectionNotEmpty
            del self._states[key]
            self._sweep()

    async def document(self, collection: CollectionKey, document: DocumentId, /) -> DocumentRecord | None:
        """One document, or None."""
        state = self._states.get(collection)
        stored = state.documents.get(document) if state else None
        return state.document_record(stored) if state and stored else None

    async def versions(
        self, collection: CollectionKey, documents: Iterable[DocumentId], /
    ) -> Mapping[DocumentId, StoredVersion]:
        """Versions and fences of the documents that have one."""
        state = self._states.get(collection)
        if state is None:
            return {}
        stored = {each: state.stored_version(each, name_hash(self._fence_key, collection, each)) for each in documents}
        return {document: version for document, version in stored.items() if version is not None}

    async def documents(self, collection: CollectionKey, after: str, limit: int, /) -> tuple[DocumentRecord, ...]:
        """A page of documents."""
        state = self._states.get(collection)
        if state is None:
            return ()
        names = sorted(name for name in state.documents if name > after)[:limit]
        return tuple(state.document_record(state.documents[name]) for name in names)

    async def document_count(self, collection: CollectionKey, /) -> int:
        """How many documents there are."""
        state = self._states.get(collection)
        return len(state.documents) if state else 0

    async def vectors(
        self, tenant: TenantId, embedder: str, hashes: Sequence[bytes], /
    ) -> Mapping[bytes, NDArray[np.float16]]:
        """Vectors that are known."""
        found = {each: self._vectors.get((tenant, embedder, each)) for each in hashes}
        return {each: vector for each, vector in found.items() if vector is not None}

    async def passages(
        self, collection: CollectionKey, keys: Sequence[PassageKey], /
    ) -> Mapping[PassageKey, StoredPassage]:
        """Passages with their texts."""
        state, wanted = self._states.get(collection), set(keys)
        stored = state.stored_passages() if state else ()
        return {each.passage.key: each for each in stored if each.passage.key in wanted}

    async def neighbours(
        self, content: ContentKey, generation: GenerationNumber, first: int, last: int, /
    ) -> tuple[tuple[ByteRange, str], ...]:
        """Passages of one content by their ordinals."""
        for state in self._states.values():
            if (stored := state.contents.get(content)) is not None:
                cut = stored.cut(generation)[max(first, 0) : max(last + 1, 0)]
                return tuple((new.range, stored.text(new)) for _, new in cut)
        return ()

    async def changes(
        self,
        collection: CollectionKey,
        generation: GenerationNumber,
        after: Position,
        limit: int,
        /,
        *,
        texts: bool,
        vectors: str | None,
    ) -> ChangeBatch:
        """The log after a position. Raises `LogTrimmed`."""
        state = self._states.get(collection)
        if state is None:
            return ChangeBatch(changes=(), position=after)
        if after < state.record.trimmed:
            raise LogTrimmed
        rows = [(position, key) for position, key in state.log.items() if position > after][:limit]
        order = list(dict.fromkeys(key for _, key in reversed(rows)))[::-1]
        present = state.by_key()
        return ChangeBatch(
            changes=tuple(
                state.change(key, present.get(key), generation, texts=texts, vectors=self._vectors, embedder=vectors)
                for key in order
            ),
            position=rows[-1][0] if rows else after,
        )

    async def snapshot(
        self,
        collection: CollectionKey,
        generation: GenerationNumber,
        after: DocumentKey,
        limit: int,
        /,
        *,
        texts: bool,
        vectors: str | None,
    ) -> tuple[ChangeBatch, DocumentKey | None]:
        """The present state, page by page."""
        state = self._states.get(collection)
        if state is None:
            return ChangeBatch(changes=(), position=NO_POSITION), None
        rest = [(key, document) for key, document in state.by_key().items() if key > after]
        page = rest[:limit]
        batch = ChangeBatch(
            changes=tuple(
                state.change(key, document, generation, texts=texts, vectors=self._vectors, embedder=vectors)
                for key, document in page
            ),
            position=state.record.head,
        )
        return batch, page[-1][0] if len(rest) > limit else None

    async def uncut(
        self, collection: CollectionKey, generation: GenerationNumber, after: DocumentKey, limit: int, /
    ) -> tuple[UncutContent, ...]:
        """Present contents without passages of the generation."""
        state = self._states.get(collection)
        return tuple(islice(state.uncut(generation, after), limit)) if state else ()

    async def drop_generation(self, collection: CollectionKey, generation: GenerationNumber, limit: int, /) -> int:
        """Forget a generation, some contents at a time."""
        async with self._locks[collection]:
            state = self._state(collection)
            state.record = replace(state.record, generations=without(state.record.generations, generation))
            having = [content for content in state.contents.values() if generation in content.new.cuts]
            for content in having[:limit]:
                cuts = {number: cut for number, cut in content.new.cuts.items() if number != generation}
                state.contents[content.key] = replace(content, new=replace(content.new, cuts=cuts))
            self._sweep()
            return len(having[:limit]) or self._sweep_embedders(state.record.name.tenant, limit)

    async def retire(self, collection: CollectionKey, upto: Position, keep_after: Position, now: datetime, /) -> int:
        """Delete superseded contents and the beginning of the log."""
        async with self._locks[collection]:
            state = self._states.get(collection)
            if state is None:
                return 0
            old = [key for key, c in state.contents.items() if c.superseded is not None and c.superseded <= upto]
            for key in old:
                del state.contents[key]
            trimmed = max(state.record.trimmed, Position(min(keep_after, state.record.head)))
            state.record = replace(state.record, trimmed=trimmed)
            state.log = {position: key for position, key in state.log.items() if position > trimmed}
            self._sweep()
            return len(old)

    async def put_follower(self, collection: CollectionKey, view: str, durable: Position, now: datetime, /) -> None:
        """Note how far a view has come."""
        if (state := self._states.get(collection)) is not None:
            state.followers[view] = durable, now

    async def drop_followers(self, collection: CollectionKey, before: datetime, /) -> None:
        """Forget views that are gone."""
        if (state := self._states.get(collection)) is not None:
            for view in [view for view, (_, seen) in state.followers.items() if seen < before]:
                del state.followers[view]

    async def followers(self, collection: CollectionKey, /) -> Mapping[str, Position]:
        """Views with their durable positions."""
        state = self._states.get(collection)
        return {view: durable for view, (durable, _) in state.followers.items()} if state else {}

    def _state(self, key: CollectionKey) -> CollectionState:
        state = self._states.get(key)
        if state is None:
            raise CollectionNotFound("the collection was deleted")
        return state

    def _sweep_embedders(self, tenant: TenantId, limit: int) -> int:
        """Forget vectors of embedders that no generation of the tenant has; return how many."""
        records = [state.record for state in self._states.values() if state.record.name.tenant == tenant]
        needed = {each.generation.embedder for record in records for each in record.generations}
        unused = [key for key in self._vectors if key[0] == tenant and key[1] not in needed][:limit]
        for key in unused:
            del self._vectors[key]
        return len(unused)

    def _sweep(self) -> None:
        """Forget the vectors that no passage of their tenant uses."""
        used = {each for state in self._states.values() for each in state.used_vectors()}
        for key in [key for key in self._vectors if (key[0], key[2]) not in used]:
            del self._vectors[key]

"""Reads that wait at the same time share a round trip."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord, StoredVersion
from ragstone_server.spi.errors import CollectionNotFound
from ragstone_server.spi.names import CollectionName, DocumentId, TenantId
from ragstone_server.spi.positions import CollectionKey

GroupT = TypeVar("GroupT", bound=Hashable)
KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")

MOST_AT_ONCE = 500


class Shared(Generic[KeyT, ValueT]):
    """Asks for many keys at once: for all that were wanted while the question before was under way.

    What is answered was read after it was asked for.
    """

    def __init__(self, ask: Callable[[list[KeyT]], Awaitable[Mapping[KeyT, ValueT]]]) -> None:
        self._ask = ask
        self._waiting: dict[KeyT, list[asyncio.Future[ValueT | None]]] = {}
        self._worker: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is asked."""
        return self._worker is None

    async def get(self, key: KeyT) -> ValueT | None:
        """The value of a key, or None."""
        return await self._wanted(key)

    async def get_all(self, keys: Iterable[KeyT]) -> dict[KeyT, ValueT]:
        """The values of those keys that have one."""
        wanted = {key: self._wanted(key) for key in keys}
        if wanted:
            await asyncio.wait(wanted.values())
        return {key: value for key, future in wanted.items() if (value := future.result()) is not None}

    def _wanted(self, key: KeyT) -> asyncio.Future[ValueT | None]:
        # One for each who wants it: a future that several shared would need a shield against each one's cancellation.
        future: asyncio.Future[ValueT | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(future)
        if self._worker is None:
            self._worker = asyncio.create_task(self._work(), name="lookup")
        return future

    async def _work(self) -> None:
        try:
            while self._waiting:
                taken = {key: self._waiting.pop(key) for key in list(self._waiting)[:MOST_AT_ONCE]}
                try:
                    found = await self._ask(list(taken))
                except BaseException as error:
                    for future in _still_wanted(taken.values()):
                        future.set_exception(error)
                        future.exception()  # Who wants several looks at one of them.
                    if not isinstance(error, Exception):
                        raise
                else:
                    for key, futures in taken.items():
                        for future in _still_wanted([futures]):
                            future.set_result(found.get(key))
        finally:
            self._worker = None


def _still_wanted(futures: Iterable[Iterable[asyncio.Future[ValueT]]]) -> Iterator[asyncio.Future[ValueT]]:
    return (future for of_a_key in futures for future in of_a_key if not future.done())


class Groups(Generic[GroupT, KeyT, ValueT]):
    """Of each group by itself, so that none waits for another one's question, or fails with it."""

    def __init__(self, ask: Callable[[GroupT, list[KeyT]], Awaitable[Mapping[KeyT, ValueT]]]) -> None:
        self._ask = ask
        self._asked: dict[GroupT, Shared[KeyT, ValueT]] = {}

    @asynccontextmanager
    async def of(self, group: GroupT) -> AsyncIterator[Shared[KeyT, ValueT]]:
        """The reads of a group, which is forgotten when the last of them has ended."""
        shared = self._asked.get(group)
        if shared is None:
            shared = self._asked[group] = Shared(partial(self._ask, group))
        try:
            yield shared
        finally:
            if shared.idle and self._asked.get(group) is shared:
                del self._asked[group]


class Collections:
    """Collections by their names. Those who ask for the same one at the same time share the answer."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store
        self._shared: Shared[CollectionName, CollectionRecord | CollectionNotFound] = Shared(self._ask)

    async def get(self, name: CollectionName) -> CollectionRecord:
        """As it is now. Raises `CollectionNotFound`."""
        found = await self._shared.get(name)
        if not isinstance(found, CollectionRecord):
            assert found is not None
            raise CollectionNotFound(found.message, metadata=found.metadata)
        return found

    async def _ask(self, names: list[CollectionName]) -> Mapping[CollectionName, CollectionRecord | CollectionNotFound]:
        return dict(zip(names, await asyncio.gather(*(self._one(name) for name in names)), strict=True))

    async def _one(self, name: CollectionName) -> CollectionRecord | CollectionNotFound:
        try:
            return await self._store.collection(name)
        except CollectionNotFound as error:
            return error


class Versions:
    """Stored versions of documents, of each collection by itself."""

    def __init__(self, store: CatalogStore) -> None:
        self._shared: Groups[CollectionKey, DocumentId, StoredVersion] = Groups(store.versions)

    async def get(self, collection: CollectionKey, document: DocumentId) -> StoredVersion | None:
        """Of the document, or its fence's."""
        async with self._shared.of(collection) as shared:
            return await shared.get(document)


class Vectors:
    """Vectors that are known, by the hashes of their texts."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store
        self._shared: Groups[tuple[TenantId, str], bytes, NDArray[np.float16]] = Groups(self._ask)

    async def get(self, tenant: TenantId, embedder: str, hashes: Iterable[bytes]) -> dict[bytes, NDArray[np.float16]]:
        """Of the tenant, by the embedder. All are read after they were asked for, not all at the same time."""
        async with self._shared.of((tenant, embedder)) as shared:
            return await shared.get_all(hashes)

    async def _ask(self, whose: tuple[TenantId, str], hashes: list[bytes]) -> Mapping[bytes, NDArray[np.float16]]:
        return await self._store.vectors(*whose, hashes)

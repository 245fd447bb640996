"""Group commit: writes of a collection that wait at the same time share a transaction, and so one sync to disk."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import Any, TypeVar

from ragstone_server.catalog.writes import Action
from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.spi.errors import RequestError, StorageFull
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import CollectionKey

logger = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")
MOST_IN_A_TRANSACTION = 64


@dataclass(frozen=True, slots=True)
class _Waiting:
    document: DocumentId
    action: Action[Any]
    done: asyncio.Future[Any]


class Committer:
    """Runs actions on documents, each inside a transaction of its collection."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store
        self._waiting: dict[CollectionKey, deque[_Waiting]] = {}
        self._workers: dict[CollectionKey, asyncio.Task[None]] = {}

    async def run(self, collection: CollectionKey, document: DocumentId, action: Action[ResultT]) -> ResultT:
        """Run the action with the document's stored version; return when its transaction is on disk.

        A `RequestError` of the action fails this write alone: it raises before it writes. Anything else fails the
        transaction; its writes are then tried one by one, so that the one that is at fault fails alone. Cancelling stops
        the waiting; what was taken up is still written or not, as a whole.
        """
        done: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(collection, deque()).append(_Waiting(document, action, done))
        if collection not in self._workers:
            self._workers[collection] = asyncio.create_task(self._work(collection), name=f"committer-{collection}")
        return await done

    async def drain(self) -> None:
        """Wait until nothing waits any more."""
        await asyncio.gather(*self._workers.values())

    async def _work(self, collection: CollectionKey) -> None:
        queue = self._waiting[collection]
        try:
            while batch := self._take(queue):
                await self._commit(collection, batch)
        finally:
            del self._workers[collection], self._waiting[collection]

    def _take(self, queue: deque[_Waiting]) -> list[_Waiting]:
        """The next writes, each document once: the second of two writes of one document must see the first."""
        batch: list[_Waiting] = []
        documents: set[DocumentId] = set()
        while queue and len(batch) < MOST_IN_A_TRANSACTION and queue[0].document not in documents:
            waiting = queue.popleft()
            if not waiting.done.cancelled():
                batch.append(waiting)
                documents.add(waiting.document)
        return batch

    async def _commit(self, collection: CollectionKey, batch: list[_Waiting]) -> None:
        outcomes: list[tuple[_Waiting, Any, Exception | None]] = []
        try:
            async with self._store.transaction(collection) as transaction:
                stored = await transaction.versions(waiting.document for waiting in batch)
                for waiting in batch:
                    try:
                        result = await waiting.action(transaction, stored.get(waiting.document))
                    except StorageFull:
                        raise
                    except RequestError as error:
                        outcomes.append((waiting, None, error))
                    else:
                        outcomes.append((waiting, result, None))
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, RequestError):
                logger.warning("%d writes that shared a transaction are tried one by one", len(batch), exc_info=error)
                for waiting in batch:
                    await self._commit(collection, [waiting])
                return
            outcomes = [(waiting, None, error) for waiting in batch]
        except BaseException:
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_exception(RuntimeError("stopped"))
            raise
        for waiting, result, failure in outcomes:
            if waiting.done.done():
                continue
            if failure is None:
                waiting.done.set_result(result)
            else:
                waiting.done.set_exception(failure)

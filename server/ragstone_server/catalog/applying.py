"""What a source of documents says, applied in its order, with the move of the source, in one transaction (promise P2)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from ragstone_server.catalog.writes import Write, WriteOutcome, WriteReceipt
from ragstone_server.spi.catalog_store import CatalogStore, CatalogTransaction, StoredVersion, VectorsMissing
from ragstone_server.spi.errors import (
    CatalogUnavailable,
    Overloaded,
    RagstoneError,
    RequestError,
    StorageFull,
)
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import CollectionKey, Position
from ragstone_server.spi.source_store import SourceTransaction
from ragstone_server.spi.sources import NewDeadLetter, SourceMove

Step: TypeAlias = Write | NewDeadLetter | RequestError
"""A write, a letter to keep, or why there is nothing to do."""
Outcome: TypeAlias = WriteReceipt | RequestError | NewDeadLetter
"""Of a step: what was written, why it was not, or the letter that was kept in its place."""
LetterOf: TypeAlias = Callable[[int, RequestError], NewDeadLetter | None]
"""The letter to keep for a step that was refused; None: being refused is its proper end."""

_TRANSIENT = (StorageFull, CatalogUnavailable, Overloaded)


class OutOfDate(RagstoneError):
    """A step no longer fits what is stored, and has to be worked out again. Nothing was written."""

    def __init__(self, step: int) -> None:
        """The number of the step, from 0."""
        super().__init__()
        self.step = step


async def apply(store: CatalogStore, move: SourceMove, steps: Sequence[Step], letter_of: LetterOf) -> list[Outcome]:
    """Carry the steps out, in order. Raises `OutOfDate`, `SourceLost`, and what is transient; then nothing is written."""
    writes = [step for step in steps if isinstance(step, Write)]
    async with store.sources.transaction({write.collection.key for write in writes}, move) as transaction:
        documents = await _Documents.of(transaction, writes)
        return [await _carry_out(transaction, documents, number, step, letter_of) for number, step in enumerate(steps)]


class _Documents:
    """The stored versions of the documents that steps write to; those of the transaction itself included."""

    def __init__(
        self,
        collections: Mapping[CollectionKey, CatalogTransaction],
        stored: Mapping[CollectionKey, Mapping[DocumentId, StoredVersion]],
    ) -> None:
        self._collections = collections
        self._stored = {key: dict(found) for key, found in stored.items()}
        self._written: set[tuple[CollectionKey, DocumentId]] = set()
        """Since they were read."""

    @classmethod
    async def of(cls, transaction: SourceTransaction, writes: Iterable[Write]) -> "_Documents":
        """Read once, before the first step."""
        wanted: dict[CollectionKey, set[DocumentId]] = {}
        for write in writes:
            wanted.setdefault(write.collection.key, set()).add(write.document)
        opened = transaction.collections
        return cls(opened, {key: await opened[key].versions(wanted[key]) for key in opened})

    async def stored(self, write: Write) -> StoredVersion | None:
        key, document = write.collection.key, write.document
        if (key, document) in self._written:
            self._written.remove((key, document))
            self._stored[key].pop(document, None)
            self._stored[key].update(await self._collections[key].versions([document]))
        return self._stored[key].get(document)

    def carried_out(self, write: Write, receipt: WriteReceipt, head: Position) -> None:
        """Note what may have changed. `head`: of the collection, before the step."""
        # A deletion may leave a fence where there was one, which is no change of the collection.
        if receipt.watermark.position > head or receipt.outcome is WriteOutcome.DELETED:
            self._written.add((write.collection.key, write.document))


async def _carry_out(
    transaction: SourceTransaction, documents: _Documents, number: int, step: Step, letter_of: LetterOf
) -> Outcome:
    if isinstance(step, RequestError):
        return step
    if isinstance(step, NewDeadLetter):
        await transaction.put_dead_letter(step)
        return step
    collection = transaction.collections.get(step.collection.key)
    if collection is None:
        raise OutOfDate(number)  # Whether there is another of its name is found out when it is worked out again.
    head = collection.collection.head
    try:
        receipt = await step.action(collection, await documents.stored(step))
    except _TRANSIENT:
        raise
    except VectorsMissing as error:
        raise OutOfDate(number) from error
    except RequestError as error:
        letter = letter_of(number, error)
        if letter is None:
            return error
        await transaction.put_dead_letter(letter)
        return letter
    if receipt is None:
        raise OutOfDate(number)
    documents.carried_out(step, receipt, head)
    return receipt

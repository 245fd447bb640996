"""A log of events and consumers of it, over one catalog in memory."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ragstone_server.pipelines.apply_events import ApplyEvents
from ragstone_server.spi.positions import CollectionKey, DocumentKey
from ragstone_server.spi.sources import SourceMove, SourceName
from ragstone_server.testing.memory.source_store import MemorySourceStore, MemorySourceTransaction
from ragstone_server.transport.convert.events import decode
from ragstone_server.transport.kafka.flow import Flow
from ragstone_server.transport.kafka.partition import Partition
from ragstone_server.transport.kafka.record import Record
from ragstone_server.transport.kafka.working_out import WorkOut
from tests.unit.pipelines.house import CONTEXT, House, open_house

SOURCE = SourceName("kafka/ragstone/documents/00000")
WHERE = {"tenant": CONTEXT.collection.tenant, "collection": CONTEXT.collection.collection}


def event(document: str, version: int | None = None, text: str | None = None, **more: object) -> bytes:
    """An upsert, or without a text a deletion."""
    action = {"delete": {}} if text is None else {"upsert": {"text": text, **more}}
    numbered = {} if version is None else {"version": str(version)}
    return json.dumps({**WHERE, "document": document, **numbered, **action}).encode()


def key(document: str) -> bytes:
    """Of a document's records."""
    return f"{WHERE['tenant']}:{WHERE['collection']}/{document}".encode()


@dataclass
class Log:
    """The records of one partition."""

    records: list[Record] = field(default_factory=list)

    def add(self, value: bytes | None, document: str = "") -> Record:
        """Append one."""
        made = Record(
            offset=len(self.records),
            key=key(document) if document else None,
            value=value,
            headers=(),
            timestamp_ms=1_700_000_000_000 + len(self.records),
        )
        self.records.append(made)
        return made


class Reader:
    """One process: a partition that is fed from the log, where it was sought."""

    def __init__(self, bench: "Bench", log: Log, source: SourceName = SOURCE, **settings: int) -> None:
        self.log = log
        self.at: int | None = None
        self.flow = Flow(settings.get("documents", 100), 10**9, settings.get("parallel", 8))
        work_out = WorkOut(source, decode_record, bench.events, bench.house.clock, "")
        self.partition = Partition(
            source,
            work_out,
            bench.events,
            bench.house.store.sources,
            self.flow,
            self._seek,
            commit_documents=settings.get("commit", 16),
            poison_tries=settings.get("poison", 3),
        )
        self._task: asyncio.Task[None] | None = None
        self._dice = random.Random(settings.get("seed", 0))

    async def _seek(self, offset: int | None) -> str:
        self.at = offset or 0
        return ""

    def start(self) -> None:
        """Assign the partition and poll."""
        self.partition.assign()
        if self._task is None:
            self._task = asyncio.create_task(self._poll())

    async def stop(self) -> None:
        """Hand over."""
        await self.partition.revoke()
        await self.die()

    async def die(self) -> None:
        """End without a word to the catalog but what was begun."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self.partition.close()

    async def until(self, offset: int) -> None:
        """Wait until so much is applied."""
        async with asyncio.timeout(20):
            while (self.partition.next or 0) < offset:
                await asyncio.sleep(0)

    async def _poll(self) -> None:
        while True:
            if self.partition.ready and self.at is not None and not self.flow.full:
                fetched = self.log.records[self.at : self.at + self._dice.randint(1, 7)]
                self.at += len(fetched)
                self.partition.feed(fetched)
            await asyncio.sleep(0)


def decode_record(record: Record):  # type: ignore[no-untyped-def]
    """As the consumer does, for a topic that is bound to nothing."""
    return decode(record.key, record.value, record.headers, record.timestamp_ms)


@dataclass
class Bench:
    """The house with what applies events."""

    house: House
    events: ApplyEvents

    async def texts(self) -> dict[str, tuple[int, str]]:
        """Documents with their versions and texts."""
        store = self.house.store
        collection = await self.house.catalog.collection(CONTEXT.collection)
        batch, _ = await store.snapshot(collection.key, DocumentKey(0), 10_000, texts=True, vectors=None)
        texts = {change.document: [passage.text for passage in change.passages] for change in batch.changes}
        records = await store.documents(collection.key, "", 10_000)
        return {
            str(each.document): (each.version, " ".join(text.rpartition("\n")[2] for text in texts[each.key]))
            for each in records
        }


@asynccontextmanager
async def open_bench(folder: Path) -> AsyncIterator[Bench]:
    """With an empty collection."""

    async def fetch(uri: str) -> bytes:
        return f"content of {uri}".encode()

    async with open_house(folder) as house:
        yield Bench(house, ApplyEvents(house.catalog, house.indexes, house.ingest, fetch))


class Shaky(MemorySourceStore):
    """Fails now and then, before a transaction or after it was committed."""

    def __init__(self, inner: MemorySourceStore, dice: random.Random, error: type[Exception], rate: float) -> None:
        self.__dict__.update(inner.__dict__)
        self._dice = dice
        self._error = error
        self._rate = rate
        self.moves: list[tuple[str, int | None, int]] = []

    @asynccontextmanager
    async def transaction(
        self, collections: Iterable[CollectionKey], move: SourceMove, /
    ) -> AsyncIterator[MemorySourceTransaction]:
        """Note each move that was committed."""
        if self._dice.random() < self._rate:
            raise self._error
        async with MemorySourceStore.transaction(self, collections, move) as transaction:
            yield transaction
        self.moves.append((move.claim.source, move.expected, move.next))
        if self._dice.random() < self._rate:
            raise self._error

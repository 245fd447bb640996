"""Processes that read logs of events, over one catalog in memory, in virtual time."""

import asyncio
import inspect
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar, cast

from ragstone_server.catalog.catalog import Catalog
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.pipelines.apply_events import ApplyEvents
from ragstone_server.pipelines.cutting import Cutter
from ragstone_server.pipelines.document_events import DocumentChange
from ragstone_server.pipelines.ingest import IngestDocument, IngestStages
from ragstone_server.pipelines.settings import IngestSettings
from ragstone_server.spi.catalog_store import CollectionSettings, DefaultReaders, VersionScheme
from ragstone_server.spi.errors import CatalogUnavailable, StageFailed
from ragstone_server.spi.generations import FIRST
from ragstone_server.spi.positions import CollectionKey, DocumentKey
from ragstone_server.spi.sources import DeadLetterId, SourceMove, SourceName
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from ragstone_server.testing.memory.chunker import MemoryChunker
from ragstone_server.testing.memory.clock import ManualClock
from ragstone_server.testing.memory.embedder import MemoryEmbedder
from ragstone_server.testing.memory.generations import MemoryGenerations
from ragstone_server.testing.memory.parser import memory_parser
from ragstone_server.testing.memory.source_store import MemorySourceTransaction
from ragstone_server.transport.convert.events import decode
from ragstone_server.transport.kafka.flow import Flow
from ragstone_server.transport.kafka.partition import CannotSeek, Partition
from ragstone_server.transport.kafka.record import Record
from ragstone_server.transport.kafka.working_out import WorkOut
from tests.unit.transport.kafka.log import COLLECTION, Log

ResultT = TypeVar("ResultT")
Parameters = ParamSpec("Parameters")

SOURCE = SourceName("kafka/ragstone/documents/00000")
OTHER = SourceName("kafka/ragstone/documents/00001")
MOST_S = 1800
STEP_S = 0.02


class Inline:
    """Fits `Lane`, without threads: they know no virtual time."""

    threads = 1

    def __init__(self) -> None:
        self.calls = 0

    async def run(
        self, function: Callable[Parameters, ResultT], /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> ResultT:
        """Call it here."""
        self.calls += 1
        return function(*args, **kwargs)


class _Nudged:
    """Indexes that follow at once."""

    def nudge(self, collection: object) -> None:
        return


@dataclass
class Link:
    """The way of a process to the catalog: it fails, it freezes with the process, and it is cut with its death."""

    target: Any
    bench: "Bench"
    rate: float = 0.0
    dead: bool = False
    thawed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.thawed.set()

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.target, name)
        if not inspect.iscoroutinefunction(attribute):
            return attribute

        async def call(*args: Any, **kwargs: Any) -> Any:
            await self.pass_()
            result = await attribute(*args, **kwargs)
            await self.pass_()
            return result

        return call

    async def pass_(self) -> None:
        """Once, in one direction."""
        await asyncio.sleep(self.bench.dice.choice((0, 0, 0.001, 0.02)) if self.rate else 0)
        await self.thawed.wait()
        if self.dead or self.bench.dice.random() < self.rate:
            raise CatalogUnavailable

    @asynccontextmanager
    async def transaction(
        self, collections: Iterable[CollectionKey], move: SourceMove, /
    ) -> AsyncIterator[MemorySourceTransaction]:
        """Note each move that was committed."""
        await self.pass_()
        async with self.target.transaction(collections, move) as transaction:
            yield transaction
        self.bench.moves.append((move.claim.source, move.expected, move.next))
        await self.pass_()


class Bench:
    """The catalog, and what happens to events outside of it."""

    def __init__(self, dice: random.Random | None = None, scheme: VersionScheme = VersionScheme.NUMBER) -> None:
        self.dice = dice or random.Random(0)
        self.store = MemoryCatalogStore()
        self.clock = ManualClock()
        self.lane = Inline()
        self.moves: list[tuple[SourceName, int | None, int]] = []
        self.preparing: Callable[[DocumentChange], Awaitable[None]] = self.nothing
        """Called before an event is worked out: it may raise, and take its time."""
        self.applying: Callable[[SourceMove, list[Any]], Awaitable[None]] = self.nothing
        """Called before events are applied, as `preparing`."""
        self.settings = CollectionSettings(description="", default_readers=DefaultReaders.TENANT, version_scheme=scheme)

    async def nothing(self, *_: object) -> None:
        """What happens unless a test says more."""

    async def open(self) -> "Bench":
        """With an empty collection."""
        await self.store.create_collection(COLLECTION, self.settings, self.clock.now())
        return self

    def events(self, store: Any) -> ApplyEvents:
        """What applies events, of a process that reaches the catalog so."""
        catalog, embedder = Catalog(store, self.clock), MemoryEmbedder(dimension=2)
        stages = IngestStages(parser=memory_parser, generations=MemoryGenerations(embedder, MemoryChunker()))
        indexes = cast(Indexes, _Nudged())
        ingest = IngestDocument(catalog, indexes, stages, Cutter(catalog, 64), IngestSettings(), self.lane)

        @asynccontextmanager
        async def fetch(uri: str) -> AsyncIterator[bytes]:
            yield f"content of {uri}".encode()

        events = ApplyEvents(catalog, indexes, ingest, fetch)
        prepare, apply = events.prepare, events.apply

        async def preparing(event: DocumentChange) -> Any:
            await self.preparing(event)
            return await prepare(event)

        async def applying(move: SourceMove, steps: Any, letter_of: Any) -> Any:
            await self.applying(move, steps)
            return await apply(move, steps, letter_of)

        events.prepare, events.apply = preparing, applying  # type: ignore[method-assign]
        return events

    async def texts(self) -> dict[str, tuple[int, str]]:
        """Documents with their versions and texts."""
        collection = await self.store.collection(COLLECTION)
        batch, _ = await self.store.snapshot(collection.key, FIRST, DocumentKey(0), 10_000, texts=True, vectors=None)
        texts = {change.document: [passage.text for passage in change.passages] for change in batch.changes}
        records = await self.store.documents(collection.key, "", 10_000)
        return {
            str(each.document): (each.version, " ".join(text.rpartition("\n")[2] for text in texts[each.key]))
            for each in records
        }

    async def letters(self) -> list[tuple[int, str]]:
        """Dead letters: their offsets and reasons."""
        found = await self.store.sources.dead_letters(DeadLetterId(0), 10_000)
        return [(each.letter.offset, each.letter.reason) for each in found]


class Process:
    """One consumer: the partitions that it was given, each fed from its log, from where it was sought."""

    def __init__(
        self,
        bench: Bench,
        *,
        documents: int = 100,
        size: int = 10**9,
        parallel: int = 8,
        commit: int = 16,
        poison: int = 3,
        rate: float = 0.0,
        fetch: int = 7,
        step: float = STEP_S,
    ) -> None:
        self.bench = bench
        self._step = step
        self.flow = Flow(documents, size, parallel)
        self.sources = Link(bench.store.sources, bench, rate)
        self.store = Link(bench.store, bench, rate)
        self.store.sources = self.sources  # type: ignore[attr-defined]
        self.events = bench.events(self.store)
        self.logs: dict[SourceName, Log] = {}
        self.partitions: dict[SourceName, Partition] = {}
        self.at: dict[SourceName, int] = {}
        self._commit = commit
        self._poison = poison
        self._fetch = fetch
        self._polling: asyncio.Task[None] | None = None

    @property
    def partition(self) -> Partition:
        """The only one."""
        (partition,) = self.partitions.values()
        return partition

    def assign(self, log: Log, source: SourceName = SOURCE) -> Partition:
        """Give it a partition, or tell it again that it has it."""
        self.logs[source] = log
        if source not in self.partitions:
            self.partitions[source] = self._make(log, source)
        self.partitions[source].assign()
        if self._polling is None:
            self._polling = asyncio.create_task(self._poll())
        return self.partitions[source]

    async def lose(self, source: SourceName = SOURCE) -> None:
        """Hand it over to another process."""
        partition = self.partitions.pop(source, None)
        if partition is not None:
            await partition.revoke()
            await partition.close()

    async def stop(self) -> None:
        """Hand over all, and end."""
        for source in list(self.partitions):
            await self.lose(source)
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)

    async def die(self) -> None:
        """End without another word to the catalog."""
        self.sources.dead = self.store.dead = True
        self.thaw()
        await self.stop()

    def freeze(self) -> None:
        """Reach the catalog and the log no more, until `thaw`."""
        self.sources.thawed.clear()
        self.store.thawed.clear()

    def thaw(self) -> None:
        """Wake up, and know nothing of what happened."""
        self.sources.thawed.set()
        self.store.thawed.set()

    async def until(self, offset: int, source: SourceName = SOURCE) -> None:
        """Wait until so much is applied."""
        async with asyncio.timeout(MOST_S):
            while (self.partitions[source].next or 0) < offset:
                await asyncio.sleep(self._step)

    def idle(self) -> bool:
        """Whether it holds nothing, and nothing of it is left over."""
        flow = self.flow
        return (flow.documents.used, flow.bytes.used, flow.worked_out) == (0, 0, 0)

    def _make(self, log: Log, source: SourceName) -> Partition:
        async def seek(offset: int | None) -> int:
            if source not in self.partitions:
                raise CannotSeek("not assigned")
            self.at[source] = max(log.first, offset or 0)
            return self.at[source]

        return Partition(
            source,
            WorkOut(source, decode_record, self.events, self.bench.clock, self.bench.lane, ""),
            self.events,
            cast(Any, self.sources),
            self.flow,
            seek,
            commit_documents=self._commit,
            poison_tries=self._poison,
            lost_s=3.0,
        )

    async def _poll(self) -> None:
        while True:
            await self.sources.thawed.wait()
            for source, partition in self.partitions.items():
                if partition.ready and not partition.full:
                    fetched = self.logs[source].fetch(self.at[source], self.bench.dice.randint(1, self._fetch))
                    if fetched:
                        self.at[source] = fetched[-1].offset + 1
                        partition.feed(fetched)
            await asyncio.sleep(self._step)


def decode_record(record: Record) -> DocumentChange:
    """As the consumer does, for a topic that is bound to nothing."""
    return decode(record.key, record.value, record.headers, record.timestamp_ms)


async def away(why: str = "the embedder is away") -> None:
    """What a provider says."""
    raise StageFailed(why)


def only(names: str, then: Callable[[], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    """Do something when these documents are worked out."""

    async def preparing(change: Any) -> None:
        if change.name.document in names.split():
            await then()

    return preparing


async def eventually(true: Callable[[], bool], seconds: float = MOST_S) -> None:
    """Wait for it."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(STEP_S)

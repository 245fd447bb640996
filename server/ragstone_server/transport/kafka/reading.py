"""Everything that reads from Kafka, open as long as its context."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass

from aiokafka import TopicPartition

from ragstone_server.pipelines.apply_events import ApplyEvents
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import InvalidName, StartError
from ragstone_server.spi.host import Lane
from ragstone_server.spi.names import DEFAULT_TENANT, CollectionId, CollectionName
from ragstone_server.spi.source_store import SourceStore
from ragstone_server.spi.sources import SourceName, SourceState, SourceStatus
from ragstone_server.transport.convert.events import decode
from ragstone_server.transport.kafka.client import HEARTBEATS_A_SESSION, connection
from ragstone_server.transport.kafka.consumer import STARTING, Consumer
from ragstone_server.transport.kafka.flow import Flow
from ragstone_server.transport.kafka.lag import holding_up
from ragstone_server.transport.kafka.letters import Letters
from ragstone_server.transport.kafka.partition import Partition
from ragstone_server.transport.kafka.settings import KafkaSettings
from ragstone_server.transport.kafka.working_out import WorkOut


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What reads, for those who look at it."""

    settings: KafkaSettings
    consumer: Consumer
    flow: Flow
    letters: Letters | None

    def status(self) -> Sequence[SourceStatus]:
        """Of the consumer where it holds nothing, and of each partition that it holds."""
        held = dict(self.consumer.partitions)
        if not held:
            name = SourceName(f"kafka/{self.settings.group}/{','.join(self.settings.topics)}")
            failure = self.consumer.failure
            state = SourceState.STARTING if failure in ("", STARTING) else SourceState.WAITING
            detail = failure or "the group has given no partition to this process"
            return [SourceStatus(name=name, state=state, detail=detail)]
        return [self._status(place, partition) for place, partition in sorted(held.items())]

    def events(self) -> Mapping[SourceName, Mapping[str, int]]:
        """How many events of each partition there were, by what became of them."""
        return {partition.source: asdict(partition.counts) for partition in self.consumer.partitions.values()}

    def _status(self, place: TopicPartition, partition: Partition) -> SourceStatus:
        state, detail = SourceState.RUNNING, ""
        if self.consumer.failure:
            state, detail = SourceState.WAITING, self.consumer.failure
        elif partition.waiting:
            state, detail = SourceState.WAITING, partition.waiting
        elif not partition.ready:
            state = SourceState.STARTING
        elif self.flow.held_up:
            state, detail = SourceState.PAUSED, self.flow.held_up
        elif self.letters is not None and self.letters.failure:
            detail = f"dead letters cannot be published: {self.letters.failure}"
        end, reached = self.consumer.end_of(place), max(partition.next or 0, self.consumer.reached(place))
        return SourceStatus(
            name=partition.source,
            state=state,
            detail=detail,
            position=partition.next,
            end=end,
            lag=None if end is None or partition.next is None else max(0, end - reached),
            applied_until=partition.applied_until,
            pending=partition.pending,
        )


def bound_collections(settings: KafkaSettings) -> dict[str, CollectionName]:
    """Topics with the collections that they are bound to. Raises `StartError`."""
    bound = {}
    for topic, text in settings.collections.items():
        name = text if "/" in text else f"tenants/{DEFAULT_TENANT}/collections/{CollectionId(text)}"
        try:
            bound[topic] = CollectionName.parse(name)
        except InvalidName as error:
            raise StartError(f"kafka.collections.{topic}: {error.message}") from error
    return bound


@asynccontextmanager
async def reading(
    settings: KafkaSettings,
    events: ApplyEvents,
    sources: SourceStore,
    clock: Clock,
    bulk: Lane,
    view_lag: Callable[[], Awaitable[int]],
) -> AsyncIterator[Reading]:
    """Read until the context is left; then hand over. Raises `StartError` for what no waiting helps with."""
    connection(settings)
    bound = bound_collections(settings)
    flow = Flow(settings.max_documents_in_flight, settings.max_bytes_in_flight, settings.parallel_documents)

    def make(place: TopicPartition, source: SourceName, consumer: Consumer) -> Partition:
        collection = bound.get(place.topic)
        work_out = WorkOut(
            source,
            lambda record: decode(record.key, record.value, record.headers, record.timestamp_ms, collection),
            events,
            clock,
            bulk,
            str(collection) if collection is not None else "",
        )
        return Partition(
            source,
            work_out,
            events,
            sources,
            flow,
            lambda offset: consumer.seek(place, offset),
            commit_documents=settings.commit_documents,
            poison_tries=settings.poison_tries,
            # A heartbeat tells who has lost it.
            lost_s=settings.session_seconds / HEARTBEATS_A_SESSION,
        )

    consumer = Consumer(settings, flow, make)
    async with AsyncExitStack() as stack:
        letters = None
        if settings.dead_letter_topic is not None:
            letters = Letters(
                settings,
                settings.dead_letter_topic,
                sources,
                lambda: {each.source: each.counts.dead for each in consumer.partitions.values()},
            )
            await stack.enter_async_context(letters.running())
        await stack.enter_async_context(holding_up(flow, view_lag, settings.max_view_lag))
        await stack.enter_async_context(consumer.running())
        yield Reading(settings=settings, consumer=consumer, flow=flow, letters=letters)

"""The consumer: polls, hands the records to their partitions, and survives whatever happens to the brokers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, OffsetAndMetadata, TopicPartition
from aiokafka import errors as kafka

from ragstone_server.spi.errors import StartError
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.sources import SourceName
from ragstone_server.transport.kafka.client import explained, make_consumer, stop
from ragstone_server.transport.kafka.flow import Flow
from ragstone_server.transport.kafka.partition import Partition
from ragstone_server.transport.kafka.record import Record
from ragstone_server.transport.kafka.settings import KafkaSettings
from ragstone_server.transport.kafka.working_out import pauses

logger = logging.getLogger(__name__)

POLL_MS = 200
AT_ONCE = 500
REVOKE_S = 5.0
"""Longest time that a rebalance waits for a transaction; later, the next holder's claim fences it."""
GROUP_COMMIT_S = 5.0
LOOK_S = 5.0
HANGING_SESSIONS = 3
"""So many sessions without an answer from its client: a new one is made. Rejoining the group takes one at most."""
HANGING_LOOKS = 3
"""The same, for looks in a row at which the ends are not told, or nothing is fetched although there is more."""
TOPICS_S = 10.0

MakePartition = Callable[[TopicPartition, SourceName, "Consumer"], Partition]


def source_name(group: str, place: TopicPartition) -> SourceName:
    """Of a partition. The number has five digits, so that no name is the beginning of another."""
    return SourceName(f"kafka/{quote(group, safe='')}/{place.topic}/{place.partition:05d}")


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """Holds the partitions that the group gives to this process."""

    def __init__(self, settings: KafkaSettings, flow: Flow, make_partition: MakePartition) -> None:
        self.failure = "starting"
        """Why nothing is read at present; empty: it is."""
        self.partitions: dict[TopicPartition, Partition] = {}
        self._settings = settings
        self._flow = flow
        self._make = make_partition
        self._client: AIOKafkaConsumer | None = None
        self._noted: dict[TopicPartition, int] = {}
        self._hanging = 0
        """Looks in a row at which the client seemed to hang."""
        self._behind: dict[TopicPartition, int | None] = {}
        """Partitions with more to fetch at the last look, and where their fetching was."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Consumer"]:
        """Read until the context is left; then hand over."""
        task = asyncio.create_task(self._run(), name="kafka")
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def end_of(self, place: TopicPartition) -> int | None:
        """Offset behind the last record of a partition, as far as is known."""
        return None if self._client is None else self._client.highwater(place)

    async def seek(self, place: TopicPartition, offset: int | None) -> str:
        """Fetch from there on. Tells why that cannot be; empty: it can."""
        client = self._client
        if client is None or place not in client.assignment():
            return "not assigned"
        if offset is None:
            return ""
        try:
            begin = (await client.beginning_offsets([place]))[place]
            end = (await client.end_offsets([place]))[place]
        except kafka.KafkaError as error:
            return explained(error, self._settings)
        if offset > end:
            return (
                f"the partition ends at {end}, and the catalog has applied it up to {offset}: the topic was made anew; "
                "name another kafka.group, which begins anew (versions keep what is newer)"
            )
        if offset < begin:
            logger.error("%s: the broker has deleted the events from %d to %d unread", place, offset, begin - 1)
        client.seek(place, max(offset, begin))
        return ""

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Stop writing to them, as far as that is possible in time."""
        ours = [self.partitions[place] for place in revoked if place in self.partitions]
        await self._bounded(*(partition.revoke() for partition in ours))
        await self._note_in_group()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Go on with those that stay, begin with new ones, forget the others."""
        places = set(assigned)
        if self._client is not None and places:
            self._client.pause(*places)  # until the catalog has said where to go on
        for place in set(self.partitions) - places:
            await self._bounded(self.partitions.pop(place).close())
        for place in sorted(places):
            if place not in self.partitions:
                self.partitions[place] = self._make(place, source_name(self._settings.group, place), self)
            self.partitions[place].assign()
        logger.info(
            "reading %s", ", ".join(f"{place.topic}[{place.partition}]" for place in sorted(places)) or "nothing"
        )

    async def _run(self) -> None:
        waiting = pauses()
        try:
            while True:
                try:
                    await self._consume()
                except (kafka.KafkaError, StartError, OSError, TimeoutError) as error:
                    failure = explained(error, self._settings)
                    if failure != self.failure:
                        logger.warning("Kafka cannot be read: %s", failure)
                    self.failure = failure
                if not self.failure:
                    waiting = pauses()
                await asyncio.sleep(next(waiting))
        finally:
            await self._bounded(*(partition.revoke() for partition in self.partitions.values()))
            await self._bounded(*(partition.close() for partition in self.partitions.values()))

    async def _consume(self) -> None:
        client = make_consumer(self._settings)
        try:
            await client.start()
            await self._check_topics(client)
            self._client = client
            self._hanging, self._behind = 0, {}
            client.subscribe(list(self._settings.topics), listener=self)
            group_commits = asyncio.create_task(self._note_forever(), name="kafka-group")
            try:
                while True:
                    # It waits for the group, and has been seen to do so for ever after its process was frozen.
                    async with asyncio.timeout(HANGING_SESSIONS * self._settings.session_seconds):
                        fetched = await client.getmany(timeout_ms=POLL_MS, max_records=AT_ONCE)
                    if self._hanging >= HANGING_LOOKS:
                        raise TimeoutError
                    self.failure = ""
                    for place, records in fetched.items():
                        if place in self.partitions:
                            self.partitions[place].feed([_record(each) for each in records])
                    self._steer(client)
            finally:
                group_commits.cancel()
                await asyncio.gather(group_commits, return_exceptions=True)
        finally:
            await asyncio.shield(self._leave(client))

    async def _leave(self, client: AIOKafkaConsumer) -> None:
        """What is held stays held: where the brokers come back, it goes on."""
        await self._bounded(*(partition.revoke() for partition in self.partitions.values()))
        await self._bounded(self._note_in_group())
        self._client = None
        await stop(client)

    async def _check_topics(self, client: AIOKafkaConsumer) -> None:
        async with asyncio.timeout(TOPICS_S):
            known = await client.topics()
        missing = [topic for topic in self._settings.topics if topic not in known]
        if missing:
            raise StartError(
                f"the topics {', '.join(missing)} do not exist, or the brokers do not let us see them: "
                "create them, grant DESCRIBE and READ, or correct kafka.topics"
            )

    def _steer(self, client: AIOKafkaConsumer) -> None:
        """Fetch from those that are ready while there is room."""
        paused = client.paused()
        for place, partition in self.partitions.items():
            if place not in client.assignment():
                continue
            stuffed = self._flow.full or bool(self._flow.held_up) or not partition.ready
            if stuffed and place not in paused:
                client.pause(place)
            elif place in paused and partition.ready and self._flow.roomy and not self._flow.held_up:
                client.resume(place)

    async def _note_forever(self) -> None:
        while True:
            await asyncio.sleep(GROUP_COMMIT_S)
            await self._note_in_group()
            await self._look()

    async def _note_in_group(self) -> None:
        """For tools that show the group's lag; the catalog's offset is what counts."""
        client = self._client
        if client is None:
            return
        moved = {
            place: partition.next
            for place, partition in self.partitions.items()
            if partition.next is not None and self._noted.get(place) != partition.next and place in client.assignment()
        }
        if not moved:
            return
        reach(FailPoint.KAFKA_BEFORE_GROUP_COMMIT)
        try:
            async with asyncio.timeout(REVOKE_S):
                await client.commit({place: OffsetAndMetadata(offset, "") for place, offset in moved.items()})
        except (kafka.KafkaError, TimeoutError) as error:
            logger.info("the group's offsets could not be noted: %s", error or "no answer")
        else:
            self._noted |= moved

    async def _look(self) -> None:
        """After its connections were cut, a client has been seen to fetch nothing any more, and to raise nothing either."""
        client = self._client
        places = [] if client is None else sorted(client.assignment() - client.paused())
        if client is None or not places:
            return
        try:
            async with asyncio.timeout(LOOK_S):
                ends = await client.end_offsets(places)
        except (kafka.KafkaError, TimeoutError):
            self._hanging += 1
            return
        held = client.assignment()
        reached = {place: client.highwater(place) for place in places if place in held}
        behind = {place: at for place, at in reached.items() if ends[place] > (at or 0)}
        still = any(place in self._behind and self._behind[place] == at for place, at in behind.items())
        self._hanging, self._behind = self._hanging + 1 if still else 0, behind

    async def _bounded(self, *work: Coroutine[Any, Any, None]) -> None:
        tasks = [asyncio.ensure_future(each) for each in work]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=REVOKE_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _record(record: ConsumerRecord) -> Record:
    return Record(
        offset=record.offset,
        key=record.key,
        value=record.value,
        # A header may have no value.
        headers=tuple((name, value or b"") for name, value in record.headers),
        timestamp_ms=record.timestamp,
    )

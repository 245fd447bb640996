"""The consumer: polls, hands the records to their partitions, and survives whatever happens to the brokers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka import errors as kafka

from ragstone_server.spi.critical import to_the_end
from ragstone_server.spi.errors import StartError
from ragstone_server.spi.sources import SourceName
from ragstone_server.transport.kafka.client import explained, make_consumer, reason, stop
from ragstone_server.transport.kafka.flow import Flow
from ragstone_server.transport.kafka.partition import CannotSeek, Partition
from ragstone_server.transport.kafka.places import beginning
from ragstone_server.transport.kafka.record import Record
from ragstone_server.transport.kafka.settings import KafkaSettings
from ragstone_server.transport.kafka.waiting import LONGEST_PAUSE_S, pauses, told
from ragstone_server.transport.kafka.watch import LOOK_S, Hanging, Watch, check_fetching, topics_missing

logger = logging.getLogger(__name__)

POLL_MS = 200
AT_ONCE = 500
HANGING_SESSIONS = 3
"""So many sessions without an answer from its client: a new one is made. Rejoining the group takes one at most."""
REVOKE_S = 5.0
"""Longest time that a rebalance waits for a transaction; later, the next holder's claim fences it."""
TOPICS_S = 10.0
STARTING = "starting"

MakePartition = Callable[[TopicPartition, SourceName, "Consumer"], Partition]


def source_name(group: str, place: TopicPartition) -> SourceName:
    """Of a partition. The number has five digits, so that no name is the beginning of another."""
    return SourceName(f"kafka/{quote(group, safe='')}/{place.topic}/{place.partition:05d}")


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Hears what one client says. A client that was replaced may still say something, about partitions that the next one has."""

    def __init__(self, consumer: "Consumer", client: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._client = client

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        if self._consumer.client is self._client:
            await self._consumer.revoked(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        if self._consumer.client is self._client:
            await self._consumer.assigned(self._client, assigned)


class Consumer:
    """Holds the partitions that the group gives to this process."""

    def __init__(self, settings: KafkaSettings, flow: Flow, make_partition: MakePartition) -> None:
        self.failure = STARTING
        """Why nothing is read at present; empty: it is."""
        self.partitions: dict[TopicPartition, Partition] = {}
        self._settings = settings
        self._flow = flow
        self._make = make_partition
        self.client: AIOKafkaConsumer | None = None
        """The one that reads at present."""
        self._watch: Watch | None = None
        self._fetching = asyncio.Lock()
        """Held from fetching until the records are handed over, so that nothing is sought in between."""

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
        return self._watch.ends.get(place) if self._watch is not None else None

    def reached(self, place: TopicPartition) -> int:
        """Offset before which there is nothing to read any more; what stands there may be no records."""
        return self._watch.reached.get(place, 0) if self._watch is not None else 0

    async def seek(self, place: TopicPartition, offset: int | None) -> int:
        """Fetch from there on, paused at first; None: from where the group or the settings say. Raises `CannotSeek`."""
        client = self.client
        if client is None or place not in client.assignment():
            raise CannotSeek("the brokers have not assigned it yet")
        try:
            begin = await beginning(client, self._settings, place, offset)
            async with self._fetching:
                client.pause(place)
                client.seek(place, begin)
        except (kafka.KafkaError, TimeoutError) as error:
            raise CannotSeek(explained(error, self._settings)) from error
        return begin

    async def revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Stop writing to them, as far as that is possible in time."""
        await self._bounded(*(self.partitions[place].revoke() for place in revoked if place in self.partitions))
        if self._watch is not None:
            await self._bounded(self._watch.note_in_group())

    async def assigned(self, client: AIOKafkaConsumer, assigned: Iterable[TopicPartition]) -> None:
        """Go on with those that stay, begin with new ones, forget the others."""
        places = set(assigned)
        for place in places:
            client.pause(place)
            client.seek(place, 0)  # until the catalog has said where to go on; else the client looks for a place itself
        gone = [self.partitions.pop(place) for place in set(self.partitions) - places]
        await self._bounded(*(partition.close() for partition in gone))
        for place in sorted(places):
            try:
                if place not in self.partitions:
                    self.partitions[place] = self._make(place, source_name(self._settings.group, place), self)
                self.partitions[place].assign()
            except Exception:
                logger.exception("%s cannot be read", place)  # the client would keep it to itself
        logger.info(
            "reading %s", ", ".join(f"{place.topic}[{place.partition}]" for place in sorted(places)) or "nothing"
        )

    async def _run(self) -> None:
        loop, waiting = asyncio.get_running_loop(), pauses()
        try:
            while True:
                began = loop.time()
                try:
                    await self._consume()
                except (kafka.KafkaError, StartError, OSError, TimeoutError) as error:
                    self._fail(await reason(error, self._settings))
                except Exception as error:
                    logger.exception("reading from Kafka begins anew")
                    self._fail(told(error))
                if loop.time() - began > LONGEST_PAUSE_S:
                    waiting = pauses()
                await asyncio.sleep(next(waiting))
        finally:
            await self._bounded(*(partition.close() for partition in self.partitions.values()))

    async def _consume(self) -> None:
        client = make_consumer(self._settings)
        try:
            await client.start()
            await self._check_topics(client)
            self.client = client
            self._watch = Watch(client, self._settings, self.partitions, self._fetching)
            client.subscribe(list(self._settings.topics), listener=_Listener(self, client))
            self._fail("")
            watching = asyncio.create_task(self._look_forever(self._watch), name="kafka-watch")
            try:
                while not watching.done():
                    await self._poll(client)
                await watching
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
        finally:
            await to_the_end(self._leave(client))

    async def _leave(self, client: AIOKafkaConsumer) -> None:
        """What is held stays held: where the brokers come back, it goes on."""
        await self._bounded(*(partition.revoke() for partition in self.partitions.values()))
        if self._watch is not None:
            await self._bounded(self._watch.note_in_group())
        self.client = self._watch = None
        await stop(client)

    async def _check_topics(self, client: AIOKafkaConsumer) -> None:
        async with asyncio.timeout(TOPICS_S):
            known = await client.topics()
        if missing := [topic for topic in self._settings.topics if topic not in known]:
            raise topics_missing(missing)

    async def _poll(self, client: AIOKafkaConsumer) -> None:
        room = self._flow.documents.most - self._flow.documents.used
        async with self._fetching:
            # It waits for the group, and has been seen to do so for ever after its process was frozen.
            async with asyncio.timeout(HANGING_SESSIONS * self._settings.session_seconds):
                fetched = await client.getmany(timeout_ms=POLL_MS, max_records=max(1, min(AT_ONCE, room)))
            for place, records in fetched.items():
                if place in self.partitions:
                    self.partitions[place].feed([_record(each) for each in records])
        check_fetching(client)
        self._steer(client)

    def _steer(self, client: AIOKafkaConsumer) -> None:
        """Fetch from those that are ready while there is room."""
        paused, assigned = client.paused(), client.assignment()
        for place, partition in self.partitions.items():
            if place not in assigned:
                continue
            if not partition.ready or self._flow.held_up or partition.full:
                client.pause(place)
            elif place in paused and partition.roomy:
                client.resume(place)

    async def _look_forever(self, watch: Watch) -> None:
        """Ends where the brokers are away for so long that the group has given our partitions to others."""
        loop = asyncio.get_running_loop()
        fine = loop.time()
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await watch.look()
            except Hanging:
                raise
            except (kafka.KafkaError, StartError, OSError, TimeoutError) as error:
                self._fail(explained(error, self._settings))
                if loop.time() - fine > self._settings.session_seconds:
                    raise
            else:
                fine = loop.time()
                self._fail("")

    def _fail(self, why: str) -> None:
        if why and why != self.failure:
            logger.warning("Kafka cannot be read: %s", why)
        elif self.failure and not why:
            logger.info("Kafka is read")
        self.failure = why

    async def _bounded(self, *work: Coroutine[Any, Any, None]) -> None:
        """As far as it ends in time; a rebalance of the whole group waits for it."""
        tasks = [asyncio.ensure_future(each) for each in work]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=REVOKE_S)
        for task in late:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                logger.error("handing over failed", exc_info=result)


def _record(record: ConsumerRecord) -> Record:
    return Record(
        offset=record.offset,
        key=record.key,
        value=record.value,
        # A header may have no value.
        headers=tuple((name, value or b"") for name, value in record.headers),
        timestamp_ms=record.timestamp,
    )

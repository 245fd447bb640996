"""What is asked of the brokers now and then: whether they are there, how far the partitions go; and the group is told."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka import errors as kafka

from ragstone_server.spi.errors import StartError
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.transport.kafka.partition import Partition
from ragstone_server.transport.kafka.settings import KafkaSettings

logger = logging.getLogger(__name__)

LOOK_S = 5.0
ANSWER_S = 10.0
COMMIT_S = 5.0
HANGING_LOOKS = 3
"""So many looks in a row at which nothing was fetched although there was more: the client hangs."""


class Hanging(kafka.KafkaError):  # type: ignore[misc]
    """The client fetches nothing any more, and raises nothing either: it has been seen to after its connections were cut."""


class Watch:
    """Of one client, which reads these partitions."""

    def __init__(
        self,
        client: AIOKafkaConsumer,
        settings: KafkaSettings,
        partitions: Mapping[TopicPartition, Partition],
        fetching: asyncio.Lock,
    ) -> None:
        """`fetching` is held while records are on their way to the partitions."""
        self.ends: dict[TopicPartition, int] = {}
        """Offsets behind the last records."""
        self.reached: dict[TopicPartition, int] = {}
        """What the group was told: offsets before which there is nothing to read any more."""
        self._client = client
        self._settings = settings
        self._partitions = partitions
        self._fetching = fetching
        self._behind: dict[TopicPartition, int | None] = {}
        """Partitions with more to fetch at the last look, and where their fetching was."""
        self._hanging = 0

    async def look(self) -> None:
        """Raises `KafkaError`, `TimeoutError`, `StartError` where nothing can be read, `Hanging` where a new client is needed."""
        known = {topic: self._client.partitions_for_topic(topic) for topic in self._settings.topics}
        if missing := [topic for topic, partitions in known.items() if not partitions]:
            raise topics_missing(missing)
        # Where nothing is assigned to us, any partition tells whether there is a broker.
        places = self._client.assignment() or {TopicPartition(self._settings.topics[0], 0)}
        async with asyncio.timeout(ANSWER_S):
            self.ends = dict(await self._client.end_offsets(list(places)))
        self._check_progress()
        await self.note_in_group()

    def _check_progress(self) -> None:
        fetched = self._client.assignment() - self._client.paused()
        reached = {place: self._client.highwater(place) for place in fetched}
        behind = {place: at for place, at in reached.items() if self.ends.get(place, 0) > (at or 0)}
        still = any(place in self._behind and self._behind[place] == at for place, at in behind.items())
        self._hanging, self._behind = self._hanging + 1 if still else 0, behind
        if self._hanging >= HANGING_LOOKS:
            raise Hanging("the client fetches nothing although there is more")

    async def note_in_group(self) -> None:
        """For tools that show the group's lag; the catalog's offset is what counts."""
        held = {place: each for place, each in self._partitions.items() if place in self._client.assignment()}
        self.reached = {place: offset for place, offset in self.reached.items() if place in held}
        reached = await self._reached(held)
        moved = {place: offset for place, offset in reached.items() if self.reached.get(place) != offset}
        if not moved:
            return
        reach(FailPoint.KAFKA_BEFORE_GROUP_COMMIT)
        try:
            async with asyncio.timeout(COMMIT_S):
                await self._client.commit({place: OffsetAndMetadata(offset, "") for place, offset in moved.items()})
        except (kafka.KafkaError, TimeoutError) as error:
            logger.info("the group's offsets could not be noted: %s", error or "no answer")
        else:
            self.reached |= moved

    async def _reached(self, held: Mapping[TopicPartition, Partition]) -> dict[TopicPartition, int]:
        found = {place: each.next for place, each in held.items() if each.next is not None}
        # Where all is applied, the client may have passed what is no record: ends of transactions, what was compacted away.
        if any(each.ready and not each.pending for each in held.values()):
            async with self._fetching:
                for place, each in held.items():
                    if each.ready and not each.pending:
                        found[place] = max(found.get(place, 0), await self._client.position(place))
        return {place: max(offset, self.reached.get(place, 0)) for place, offset in found.items()}


def topics_missing(topics: Sequence[str]) -> StartError:
    """What to do about topics that are not there."""
    return StartError(
        f"the topics {', '.join(topics)} do not exist, or the brokers do not let us see them: "
        "create them, grant DESCRIBE and READ, or correct kafka.topics"
    )


def check_fetching(client: AIOKafkaConsumer) -> None:
    """The client does not tell where its own task has died. Raises `KafkaError`."""
    fetcher = getattr(client, "_fetcher", None)
    if fetcher is not None and fetcher.error_future.done():
        raise kafka.KafkaError("the client has stopped fetching")

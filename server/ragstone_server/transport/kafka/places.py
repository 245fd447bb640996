"""Where to begin in a partition."""

import asyncio
import logging

from aiokafka import AIOKafkaConsumer, TopicPartition

from ragstone_server.transport.kafka.partition import CannotSeek
from ragstone_server.transport.kafka.settings import KafkaSettings, Start

logger = logging.getLogger(__name__)

ASK_S = 20.0


async def beginning(
    client: AIOKafkaConsumer, settings: KafkaSettings, place: TopicPartition, offset: int | None
) -> int:
    """The offset to fetch from. `offset`: what the catalog wants next; None: it knows nothing of the partition.

    Raises `CannotSeek`, `KafkaError`, `TimeoutError`.
    """
    async with asyncio.timeout(ASK_S):
        first = (await client.beginning_offsets([place]))[place]
        end = (await client.end_offsets([place]))[place]
        if offset is None:
            # An operator may have set it; a group that read the topic before it was Ragstone's has one.
            committed = await client.committed(place)
            if committed is None or committed > end:
                return int(end if settings.start is Start.LATEST else first)
            offset = committed
    if offset > end:
        raise CannotSeek(
            f"the partition ends at {end}, and the catalog has applied it up to {offset}: the topic was made anew; "
            "name another kafka.group, which begins anew (versions keep what is newer)"
        )
    if offset < first:
        logger.error("%s: the broker has deleted the events from %d to %d unread", place, offset, first - 1)
    return int(max(offset, first))

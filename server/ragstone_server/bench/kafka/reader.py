"""The floor: a process that reads a topic with the bare client library, and does nothing with what it reads.

Prints the seconds from the moment when it holds its partitions until the last record, and the processor time in between.
"""

import asyncio
import logging
import sys
import time

from aiokafka import AIOKafkaConsumer


async def main(bootstrap: str, topic: str, events: int) -> None:
    """Read so many events."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that a new group is looked for is no news
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=f"bare-{topic}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    async with consumer:
        while not consumer.assignment():  # noqa: ASYNC110 - the client tells nobody
            await asyncio.sleep(0.001)
        seen, cpu, began = 0, time.process_time(), time.perf_counter()
        while seen < events:
            fetched = await consumer.getmany(timeout_ms=200, max_records=500)
            seen += sum(len(records) for records in fetched.values())
        print(time.perf_counter() - began, time.process_time() - cpu)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))

"""Dead letters on their way to the dead-letter topic: at least once each, and nothing is held up by it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka

from ragstone_server.spi.errors import RagstoneError
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.source_store import SourceStore
from ragstone_server.spi.sources import DeadLetter, DeadLetterId, SourceName
from ragstone_server.transport.kafka.client import make_producer, reason, stop
from ragstone_server.transport.kafka.settings import KafkaSettings
from ragstone_server.transport.kafka.waiting import told

logger = logging.getLogger(__name__)

PAUSE_S = 2.0
AFTER_FAILURE_S = 10.0
ALL_S = 60.0
"""So often all sources are looked through; in between those of which there are new letters."""
AT_ONCE = 20
SEND_S = 30.0

Held = Callable[[], Mapping[SourceName, int]]
"""The sources that this process holds, with a number that grows with their dead letters."""


class Letters:
    """Publishes those of the sources that this process holds."""

    def __init__(self, settings: KafkaSettings, topic: str, store: SourceStore, held: Held) -> None:
        self._settings = settings
        self._topic = topic
        self._store = store
        self._held = held
        self._seen: dict[SourceName, int] = {}
        """What there was of each source when all of it was published."""
        self.failure = ""
        """Why none goes out at present; empty: they do."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Letters"]:
        """Publish until the context is left."""
        task = asyncio.create_task(self._run(), name="dead-letters")
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._publish_forever()
            except (kafka.KafkaError, RagstoneError, OSError, TimeoutError) as error:
                self._fail(await self._told(error))
            except Exception as error:
                logger.exception("publishing dead letters begins anew")
                self._fail(told(error))
            await asyncio.sleep(AFTER_FAILURE_S)

    async def _publish_forever(self) -> None:
        loop, looked = asyncio.get_running_loop(), 0.0
        producer = make_producer(self._settings)
        try:
            await producer.start()
            while True:
                held = dict(self._held())
                if loop.time() - looked > ALL_S:
                    self._seen, looked = {}, loop.time()
                for source in (each for each, letters in held.items() if self._seen.get(each) != letters):
                    await self._publish(producer, source)
                self._seen = held
                self._fail("")
                await asyncio.sleep(PAUSE_S)
        finally:
            await stop(producer)

    async def _publish(self, producer: AIOKafkaProducer, source: SourceName) -> None:
        while letters := await self._store.unpublished(source, AT_ONCE):
            published, failure = await self._send_all(producer, letters)
            reach(FailPoint.KAFKA_BEFORE_LETTERS_NOTED)
            await self._store.note_published(published)
            if failure is not None:
                raise failure

    async def _send_all(
        self, producer: AIOKafkaProducer, letters: Sequence[DeadLetter]
    ) -> tuple[list[DeadLetterId], Exception | None]:
        """Those that are out, and what was wrong with another. A send that was given up may still arrive, and come twice."""
        tasks = {letter.id: asyncio.create_task(self._send(producer, letter)) for letter in letters}
        try:
            await asyncio.wait(tasks.values(), timeout=SEND_S)
        finally:
            for task in tasks.values():
                task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        failures = [TimeoutError() if task.cancelled() else task.exception() for task in tasks.values()]
        found = [failure for failure in failures if isinstance(failure, Exception)]
        out = [key for key, task in tasks.items() if not task.cancelled() and task.exception() is None]
        return out, found[0] if found else None

    async def _send(self, producer: AIOKafkaProducer, dead: DeadLetter) -> None:
        letter = dead.letter
        ours = {
            "ragstone-reason": letter.reason,
            "ragstone-message": letter.message,
            "ragstone-source": letter.source,
            "ragstone-offset": str(letter.offset),
            "ragstone-dead-letter": str(dead.id),
            "ragstone-failed": letter.failed.isoformat(),
        }
        headers = [*letter.headers, *((name, value.encode()) for name, value in ours.items())]
        try:
            await _sent(producer.send(self._topic, value=letter.value, key=letter.key, headers=headers))
        except kafka.MessageSizeTooLargeError:
            # The others do not wait until the topic takes it; the catalog has all of it.
            left_out = ("ragstone-value-left-out", str(len(letter.value or b"")).encode())
            logger.warning(
                "dead letter %d is too large for %s and goes out without its value; the catalog keeps it. To have them "
                "whole, raise max.message.bytes of the topic to that of the topics that are read",
                dead.id,
                self._topic,
            )
            await _sent(producer.send(self._topic, key=letter.key, headers=[*headers, left_out]))

    def _fail(self, why: str) -> None:
        if why and why != self.failure:
            logger.warning("dead letters cannot be published: %s", why)
        self.failure = why

    async def _told(self, error: Exception) -> str:
        match error:
            case kafka.UnknownTopicOrPartitionError() | TimeoutError():
                return f"the topic {self._topic} does not exist, or its broker does not answer: create it, or look after it"
            case kafka.TopicAuthorizationFailedError():
                return f"the brokers do not let us write to {self._topic}: grant WRITE and DESCRIBE on it"
            case kafka.InvalidTopicError():
                return f"{self._topic} is no name of a topic: correct kafka.dead_letter_topic"
            case _:
                return await reason(error, self._settings)


async def _sent(sending: Awaitable[Awaitable[object]]) -> None:
    """Put into a batch, and then acknowledged."""
    await (await sending)

"""Dead letters on their way to the dead-letter topic: at least once each, and nothing is held up by it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka

from ragstone_server.spi.errors import RagstoneError
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.source_store import SourceStore
from ragstone_server.spi.sources import DeadLetter, SourceName
from ragstone_server.transport.kafka.client import explained, make_producer, stop
from ragstone_server.transport.kafka.settings import KafkaSettings

logger = logging.getLogger(__name__)

PAUSE_S = 2.0
AFTER_FAILURE_S = 10.0
AT_ONCE = 100
SEND_S = 30.0


class Letters:
    """Publishes those of the sources that this process holds."""

    def __init__(
        self, settings: KafkaSettings, topic: str, store: SourceStore, held: Callable[[], list[SourceName]]
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._store = store
        self._held = held
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
            producer = make_producer(self._settings)
            try:
                await producer.start()
                while True:
                    for source in self._held():
                        await self._publish(producer, source)
                    self.failure = ""
                    await asyncio.sleep(PAUSE_S)
            except (kafka.KafkaError, RagstoneError, TimeoutError) as error:
                self.failure = self._told(error)
                logger.warning("dead letters cannot be published: %s", self.failure)
                await asyncio.sleep(AFTER_FAILURE_S)
            finally:
                await stop(producer)

    async def _publish(self, producer: AIOKafkaProducer, source: SourceName) -> None:
        while letters := await self._store.unpublished(source, AT_ONCE):
            # A send that was cancelled may still arrive, and the letter comes twice: its headers tell.
            async with asyncio.timeout(SEND_S):
                sent = [await self._send(producer, letter) for letter in letters]
                await asyncio.gather(*sent)
            reach(FailPoint.KAFKA_BEFORE_LETTERS_NOTED)
            await self._store.note_published([letter.id for letter in letters])

    async def _send(self, producer: AIOKafkaProducer, dead: DeadLetter) -> "asyncio.Future[object]":
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
        sending: asyncio.Future[object] = await producer.send(
            self._topic, value=letter.value, key=letter.key, headers=headers
        )
        return sending

    def _told(self, error: Exception) -> str:
        match error:
            case kafka.UnknownTopicOrPartitionError() | TimeoutError():
                return f"the topic {self._topic} does not exist, or its broker does not answer: create it, or look after it"
            case kafka.TopicAuthorizationFailedError():
                return f"the brokers do not let us write to {self._topic}: grant WRITE and DESCRIBE on it"
            case kafka.MessageSizeTooLargeError():
                return (
                    f"{self._topic} takes smaller messages than the topics that are read: raise its max.message.bytes"
                )
            case _:
                return explained(error, self._settings)

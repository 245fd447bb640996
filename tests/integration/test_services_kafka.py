"""The Kafka of the tests does what the tests of the house lean on."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from tests.services import topics
from tests.services.fixtures import Broker, MakeTopic
from tests.services.kafka import Kafka
from tests.services.proxy import Proxy

PLAIN = {
    "sasl_mechanism": "PLAIN",
    "sasl_plain_username": Kafka.plain_user[0],
    "sasl_plain_password": Kafka.plain_user[1],
}
SCRAM = {
    "sasl_mechanism": "SCRAM-SHA-256",
    "sasl_plain_username": Kafka.scram_user[0],
    "sasl_plain_password": Kafka.scram_user[1],
}
IN_CLEAR = {"security_protocol": "SASL_PLAINTEXT"}


@pytest.fixture(scope="module")
def secured(new_kafka: Callable[..., Kafka]) -> Kafka:
    kafka = new_kafka(tls=True, acl=True)
    topics.create(kafka.bootstrap, "notes", 1, {})
    return kafka


@asynccontextmanager
async def started(client: Any) -> AsyncIterator[Any]:
    """A client. Where the broker is away its end would hang."""
    try:
        async with asyncio.timeout(60):
            await client.start()
            yield client
    finally:
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(client.stop()), 10)


async def produced(topic: str, bootstrap: str, **options: Any) -> None:
    async with started(AIOKafkaProducer(bootstrap_servers=bootstrap, **options)) as producer:
        await producer.send_and_wait(topic, b"a note", key=b"1", partition=0)


async def consumed(topic: str, bootstrap: str, **options: Any) -> bytes:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", **options)
    async with started(consumer):
        consumer.assign([TopicPartition(topic, 0)])
        value: bytes = (await consumer.getone()).value
    return value


async def test_every_test_makes_topics(kafka: Broker, topic: MakeTopic) -> None:
    name = topic(3, cleanup_policy="compact")
    async with started(AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)) as producer:
        assert await producer.partitions_for(name) == {0, 1, 2}
    await produced(name, kafka.bootstrap)
    assert await consumed(name, kafka.bootstrap) == b"a note"


def test_a_topic_that_is_there_already_is_refused(kafka: Broker, topic: MakeTopic) -> None:
    with pytest.raises(AssertionError, match="already exists"):
        topics.create(kafka.bootstrap, topic(), 1, {})


async def test_kafka_keeps_records_when_it_is_killed_and_answers_after_it_was_frozen(kafka_broker: Kafka) -> None:
    topics.create(kafka_broker.bootstrap, "kept", 1, {})
    await produced("kept", kafka_broker.bootstrap)
    kafka_broker.kill()
    with pytest.raises(KafkaConnectionError):
        await produced("kept", kafka_broker.bootstrap)
    kafka_broker.start()
    kafka_broker.freeze()
    reading = asyncio.create_task(consumed("kept", kafka_broker.bootstrap))
    assert await asyncio.wait([reading], timeout=0.3) == (set(), {reading})
    kafka_broker.resume()
    assert await reading == b"a note"


def test_kafka_stops_in_order_and_starts_again(kafka_broker: Kafka) -> None:
    kafka_broker.stop()
    assert (kafka_broker.data / ".kafka_cleanshutdown").exists()
    kafka_broker.start()
    topics.answers(kafka_broker.bootstrap)


async def test_a_proxy_stands_before_kafka(new_kafka: Callable[..., Kafka]) -> None:
    with Proxy() as proxy:
        broker = new_kafka(advertise=proxy.address)
        proxy.target = broker.address
        topics.create(broker.bootstrap, "far", 1, {})
        consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
        async with started(consumer):
            consumer.assign([TopicPartition("far", 0)])
            proxy.cut()
            reading = asyncio.create_task(consumer.getone())
            with pytest.raises(KafkaConnectionError):
                await produced("far", broker.bootstrap)
            proxy.mend()
            await produced("far", broker.bootstrap)
            assert (await reading).value == b"a note"


@pytest.mark.parametrize("login", [PLAIN, SCRAM], ids=["PLAIN", "SCRAM"])
async def test_who_logs_in_may_write_and_read(kafka_broker: Kafka, login: dict[str, str]) -> None:
    name = login["sasl_mechanism"]
    topics.create(kafka_broker.bootstrap, name, 1, {})
    await produced(name, kafka_broker.sasl_bootstrap, **IN_CLEAR, **login)
    assert await consumed(name, kafka_broker.sasl_bootstrap, **IN_CLEAR, **login) == b"a note"


@pytest.mark.parametrize("login", [PLAIN, SCRAM], ids=["PLAIN", "SCRAM"])
async def test_where_rights_are_asked_for_who_logs_in_has_none(secured: Kafka, login: dict[str, str]) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await produced("notes", secured.sasl_bootstrap, **IN_CLEAR, **login)
    wrong = login | {"sasl_plain_password": "wrong"}
    with pytest.raises(KafkaConnectionError):
        await produced("notes", secured.sasl_bootstrap, **IN_CLEAR, **wrong)


async def test_tls_is_served_with_a_certificate_to_trust(secured: Kafka) -> None:
    context = ssl.create_default_context(cafile=str(secured.ca))
    await produced("notes", secured.tls_bootstrap, security_protocol="SSL", ssl_context=context)
    assert await consumed("notes", secured.tls_bootstrap, security_protocol="SSL", ssl_context=context) == b"a note"
    over_tls = {"security_protocol": "SASL_SSL", "ssl_context": context, **SCRAM}
    with pytest.raises(TopicAuthorizationFailedError):
        await produced("notes", secured.sasl_tls_bootstrap, **over_tls)

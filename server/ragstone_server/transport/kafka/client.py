"""Clients of the brokers, and what their errors mean."""

import asyncio
import logging
import ssl
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import errors as kafka
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from ragstone_server.spi.errors import StartError
from ragstone_server.transport.kafka.settings import KafkaSettings

HEARTBEATS_A_SESSION = 10
STOP_S = 5.0
"""Longest time for a client to say good-bye; without its broker it never would."""
REQUEST_S = 15.0

# While a broker is away they write a hundred lines a second; the consumer tells what matters.
for _noisy in ("aiokafka", "kafka"):
    logging.getLogger(_noisy).setLevel(logging.CRITICAL)


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """What every client needs. Raises `StartError` where a file cannot be read."""
    scheme = "SASL" if settings.sasl_mechanism else ""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "client_id": "ragstone",
        "request_timeout_ms": int(REQUEST_S * 1000),
        "security_protocol": {
            ("", False): "PLAINTEXT",
            ("", True): "SSL",
            ("SASL", False): "SASL_PLAINTEXT",
            ("SASL", True): "SASL_SSL",
        }[scheme, settings.tls],
    }
    if settings.tls:
        options["ssl_context"] = _tls(settings)
    if settings.sasl_mechanism and settings.password:
        options |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.username,
            "sasl_plain_password": settings.password.get_secret_value(),
        }
    return options


def make_consumer(settings: KafkaSettings) -> AIOKafkaConsumer:
    """A consumer that commits nothing by itself."""
    session_ms = int(settings.session_seconds * 1000)
    return AIOKafkaConsumer(
        **connection(settings),
        group_id=settings.group,
        enable_auto_commit=False,
        auto_offset_reset=settings.start.value,
        isolation_level="read_committed",
        session_timeout_ms=session_ms,
        heartbeat_interval_ms=session_ms // HEARTBEATS_A_SESSION,
        partition_assignment_strategy=(StickyPartitionAssignor,),
        fetch_max_wait_ms=200,
        metadata_max_age_ms=30_000,
    )


def make_producer(settings: KafkaSettings) -> AIOKafkaProducer:
    """A producer whose messages are on all replicas when they are acknowledged, each once."""
    return AIOKafkaProducer(**connection(settings), acks="all", enable_idempotence=True, compression_type="gzip")


async def stop(client: AIOKafkaConsumer | AIOKafkaProducer) -> None:
    """Close a client, whether its broker is there or not."""
    stopping = asyncio.ensure_future(client.stop())
    await asyncio.wait({stopping}, timeout=STOP_S)
    if not stopping.done():
        stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)


def explained(error: Exception, settings: KafkaSettings) -> str:
    """What to tell an operator, and what to do about it."""
    match error:
        case kafka.TopicAuthorizationFailedError():
            return f"the brokers do not let us read {', '.join(settings.topics)}: grant READ and DESCRIBE on the topic"
        case kafka.GroupAuthorizationFailedError():
            return f"the brokers do not let us use the group {settings.group}: grant READ on it, or name another group"
        case kafka.AuthenticationFailedError() | kafka.SaslAuthenticationFailed():
            return "the brokers refuse the login: look at username, password and sasl_mechanism"
        case kafka.UnknownTopicOrPartitionError():
            return f"a topic of {', '.join(settings.topics)} does not exist: create it, or correct kafka.topics"
        case kafka.KafkaConnectionError():
            login = ", and whether they take this login" if settings.sasl_mechanism else ""
            return (
                f"no broker of {settings.bootstrap_servers} answers: look whether they run"
                f"{', and with the same security' if settings.tls or login else ''}{login}"
            )
        case TimeoutError():
            return "the brokers do not answer in time: look whether they run and can be reached"
        case _:
            return f"{type(error).__name__}: {error}"


def _tls(settings: KafkaSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"kafka: the certificates cannot be read ({error})") from error
    return context

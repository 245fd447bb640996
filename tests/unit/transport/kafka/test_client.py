"""What errors of the brokers tell an operator."""

import re
import ssl
from pathlib import Path

import pytest
from aiokafka import errors as kafka

from ragstone_server.spi.errors import StartError
from ragstone_server.transport.kafka.client import connection, explained, make_consumer
from ragstone_server.transport.kafka.settings import KafkaSettings

SETTINGS = KafkaSettings.model_validate({"bootstrap_servers": "broker.example.com:9092", "topics": ("documents",)})


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StartError("the file is missing"), "the file is missing"),
        (kafka.TopicAuthorizationFailedError("documents"), "read documents: grant READ and DESCRIBE on the topic"),
        (kafka.GroupAuthorizationFailedError("ragstone"), "use the group ragstone: grant READ on it"),
        (kafka.SaslAuthenticationFailed("no"), "refuse the login (.*): look at kafka.username, password and sasl"),
        (kafka.AuthenticationFailedError("no"), "refuse the login"),
        (kafka.UnsupportedSaslMechanismError(), "look at kafka.sasl_mechanism"),
        (kafka.UnknownTopicOrPartitionError(), "a topic of documents does not exist: create it"),
        (kafka.OffsetOutOfRangeError({}), "the broker has deleted events that were not read yet"),
        (ssl.SSLError(1, "WRONG_VERSION_NUMBER"), "refuses TLS .*WRONG_VERSION_NUMBER"),
        (ssl.SSLCertVerificationError(1, "self-signed"), "is not trusted .*self-signed.*: look at kafka.ca_file"),
        (kafka.KafkaConnectionError("refused"), "no broker of broker.example.com:9092 answers .*refused.*without TLS"),
        (ConnectionRefusedError(111, "Connection refused"), "no broker of .* answers .*Connection refused"),
        (TimeoutError(), "no broker of broker.example.com:9092 answers: look whether they run"),
        (kafka.KafkaTimeoutError(), "no broker of .* answers"),
        (kafka.CorruptRecordException("Invalid CRC"), "CorruptRecordException: .*Invalid CRC"),
        (AssertionError("odd"), "AssertionError: odd"),
    ],
)
def test_an_error_says_what_to_do(error: Exception, told: str) -> None:
    assert re.search(told, explained(error, SETTINGS)), explained(error, SETTINGS)


@pytest.mark.parametrize(
    ("more", "protocol"),
    [
        ({}, "PLAINTEXT"),
        ({"tls": True}, "SSL"),
        ({"sasl_mechanism": "PLAIN", "username": "u", "password": "p"}, "SASL_PLAINTEXT"),
        ({"sasl_mechanism": "SCRAM-SHA-512", "username": "u", "password": "p", "tls": True}, "SASL_SSL"),
    ],
)
def test_security_follows_the_settings(more: dict[str, object], protocol: str) -> None:
    options = connection(KafkaSettings.model_validate({**SETTINGS.model_dump(), **more}))
    assert options["security_protocol"] == protocol
    assert ("ssl_context" in options) == bool(more.get("tls"))
    assert options.get("sasl_mechanism") == more.get("sasl_mechanism")
    assert options.get("sasl_plain_password") == more.get("password")


@pytest.mark.parametrize("file", ["ca_file", "cert_file"])
def test_a_certificate_that_is_not_there_refuses_the_start(tmp_path: Path, file: str) -> None:
    settings = KafkaSettings.model_validate({**SETTINGS.model_dump(), "tls": True, file: tmp_path / "none.pem"})
    with pytest.raises(StartError, match="the certificates cannot be read"):
        connection(settings)


async def test_the_client_commits_and_resets_nothing_by_itself() -> None:
    consumer = make_consumer(SETTINGS)
    assert consumer._enable_auto_commit is False
    assert consumer._auto_offset_reset == "none"
    assert consumer._isolation_level == "read_committed"
    await consumer.stop()

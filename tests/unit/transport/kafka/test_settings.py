"""What the section [kafka] takes."""

from typing import Any

import pytest
from pydantic import ValidationError

from ragstone_server.spi.errors import StartError
from ragstone_server.transport.kafka.reading import bound_collections
from ragstone_server.transport.kafka.settings import KafkaSettings

LEAST: dict[str, Any] = {"bootstrap_servers": "127.0.0.1:9092", "topics": ["documents"]}


def settings(**more: Any) -> KafkaSettings:
    return KafkaSettings.model_validate({**LEAST, **more})


def test_brokers_and_topics_are_enough() -> None:
    assert settings().group == "ragstone"
    assert settings().dead_letter_topic is None


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"bootstrap_servers": ""}, "at least 1 character"),
        ({"topics": []}, "at least 1 item"),
        ({"sasl_mechanism": "PLAIN"}, "sasl_mechanism needs username and password"),
        ({"sasl_mechanism": "PLAIN", "username": "u"}, "sasl_mechanism needs username and password"),
        ({"sasl_mechanism": "GSSAPI", "username": "u", "password": "p"}, "PLAIN"),
        ({"ca_file": "ca.pem"}, "need tls = true"),
        ({"collections": {"other": "default"}}, "collections: other: not among topics"),
        ({"dead_letter_topic": "documents"}, "must not be among topics"),
        ({"references": ["https://example.com/", "s3://bucket/"]}, "'s3://bucket/' is not read; begin with"),
        ({"references": ["https:"]}, "'https:' is not read; begin with"),
        ({"session_seconds": 1}, "greater than or equal to 6"),
        ({"topic": "documents"}, "Extra inputs"),
    ],
)
def test_what_cannot_work_is_refused(more: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        settings(**more)


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(settings(sasl_mechanism="PLAIN", username="u", password="secret"))


def test_topics_are_bound_by_id_or_by_name() -> None:
    bound = settings(topics=["a", "b"], collections={"a": "handbook", "b": "tenants/acme/collections/crew"})
    assert {topic: str(name) for topic, name in bound_collections(bound).items()} == {
        "a": "tenants/default/collections/handbook",
        "b": "tenants/acme/collections/crew",
    }


@pytest.mark.parametrize("name", ["No Book", "tenants/acme", ""])
def test_a_collection_that_can_not_be_refuses_the_start(name: str) -> None:
    with pytest.raises(StartError, match=r"kafka\.collections\.documents"):
        bound_collections(settings(collections={"documents": name}))

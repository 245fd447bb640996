"""Apache Kafka, the real broker, from its jars."""

from tests.services.kafka.broker import Kafka

__all__ = ["Kafka"]

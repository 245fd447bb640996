"""Settings of the consumer."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from ragstone_server.spi.provider import Settings

MIB = 1024 * 1024


class Start(StrEnum):
    """Where a topic is begun that was never read."""

    EARLIEST = "earliest"
    LATEST = "latest"


class KafkaSettings(Settings):
    """Where events come from, and how many are worked on at once."""

    bootstrap_servers: str = Field(min_length=1, description="HOST:PORT of some brokers, separated by commas.")
    topics: tuple[str, ...] = Field(min_length=1, description="Topics to read; they have to exist.")
    group: str = Field(
        default="ragstone", min_length=1, description="Consumer group; its processes share the partitions."
    )
    dead_letter_topic: str | None = Field(
        default=None,
        description="Where events go that can never be applied, with the reason in headers. None: the catalog alone has them.",
    )
    collections: Mapping[str, str] = Field(
        default={},
        description="Topics that are bound to a collection: its resource name, or its id in the tenant `default`.",
    )
    start: Start = Field(
        default=Start.EARLIEST, description="Where to begin in a partition that the catalog knows nothing of."
    )
    references: tuple[str, ...] = Field(
        default=(),
        description="What events may refer to for their content: beginnings of URIs, as in `https://files.example.com/`, and "
        "folders, as in `/srv/documents`, for `file:`.",
    )
    tls: bool = Field(default=False, description="Encrypt connections to the brokers.")
    ca_file: Path | None = Field(default=None, description="Certificates to trust; none: those of the system.")
    cert_file: Path | None = Field(default=None, description="Our certificate, where brokers ask for one.")
    key_file: Path | None = Field(default=None, description="Its key, where it is not in the same file.")
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="How to log in; none: without."
    )
    username: str | None = Field(default=None, description="Who logs in.")
    password: SecretStr | None = Field(default=None, description="Its password, best as `env:NAME`.")
    parallel_documents: int = Field(default=32, ge=1, description="Events that are worked out side by side.")
    max_documents_in_flight: int = Field(
        default=1024, ge=1, description="Most events that are held; past it partitions pause."
    )
    max_bytes_in_flight: int = Field(
        default=128 * MIB, ge=MIB, description="Most bytes of events that are held; past it partitions pause."
    )
    commit_documents: int = Field(default=256, ge=1, description="Most events of a partition in one transaction.")
    max_view_lag: int = Field(
        default=100_000,
        ge=1,
        description="Changes that the slowest index may be behind; past it partitions pause until it has caught up.",
    )
    session_seconds: float = Field(
        default=30.0, ge=6, description="Without a sign of life for so long, a process loses its partitions."
    )
    poison_tries: int = Field(
        default=3, ge=2, description="How often an event may end the process before it is set aside."
    )

    @model_validator(mode="after")
    def _whole(self) -> "KafkaSettings":
        if self.sasl_mechanism is not None and (self.username is None or self.password is None):
            raise ValueError("sasl_mechanism needs username and password")
        if not self.tls and (self.ca_file or self.cert_file or self.key_file):
            raise ValueError("ca_file, cert_file and key_file need tls = true")
        unread = set(self.collections) - set(self.topics)
        if unread:
            raise ValueError(f"collections: {', '.join(sorted(unread))}: not among topics")
        if self.dead_letter_topic in self.topics:
            raise ValueError("dead_letter_topic must not be among topics")
        return self

"""Settings of the process."""

import sys
from enum import StrEnum
from pathlib import Path

from pydantic import Field

from ragstone_server.observe.logs import LogFormat
from ragstone_server.spi.provider import Settings


class Role(StrEnum):
    """What a process does; several may share a catalog, and scale by their number."""

    QUERY = "query"
    """Answers questions, over views of its own."""
    INGEST = "ingest"
    """Takes documents by RPC."""
    CONSUME = "consume"
    """Takes documents from Kafka, where that is configured."""
    INDEX = "index"
    """Keeps indexes that are shared in step, where there are some."""


def default_data_dir() -> Path:
    """A folder of the user's own."""
    return Path.home() / ".local" / "share" / "ragstone" / "data"


def default_models_dir() -> Path:
    """With the virtual environment, so that it comes and goes with it; without one, a folder of the user's own."""
    if sys.prefix != sys.base_prefix:
        return Path(sys.prefix) / "share" / "ragstone" / "models"
    return Path.home() / ".local" / "share" / "ragstone" / "models"


class ServerSettings(Settings):
    """The process and its address."""

    listen: str = Field(
        default="127.0.0.1:50051",
        description="HOST:PORT to listen on; port 0 picks a free one. Loopback addresses only.",
    )
    roles: tuple[Role, ...] = Field(
        default=tuple(Role),
        min_length=1,
        description="What this process does: `query`, `ingest`, `consume`, `index`. AdminService is always there.",
    )
    data_dir: Path = Field(default_factory=default_data_dir, description="Where everything is kept that must survive.")
    models_dir: Path = Field(default_factory=default_models_dir, description="Where model directories lie.")
    interactive_threads: int = Field(
        default=2, ge=1, description="Threads kept free for what callers wait for: searches and the questions' vectors."
    )
    bulk_threads: int = Field(default=2, ge=1, description="Threads for documents and background work.")
    drain_seconds: float = Field(
        default=30.0, ge=0, description="Longest time at shutdown for requests in flight to complete."
    )
    log_level: str = Field(
        default="info",
        pattern="(?i)^(debug|info|warning|error)$",
        description="Least level of the records that are logged.",
    )
    log_format: LogFormat = Field(default=LogFormat.TEXT, description="`text` for people, `json` for machines.")

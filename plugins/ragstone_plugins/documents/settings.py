"""What can be set of the parser."""

from pydantic import Field

from ragstone_server.spi.provider import Settings

_MIB = 1024 * 1024


class DocumentsSettings(Settings):
    """Section `parser` of the configuration, where it uses `documents`."""

    workers: int = Field(default=2, ge=1, le=64, description="Worker processes: documents that are read at once.")
    time_limit_seconds: float = Field(
        default=120, gt=0, le=3600, description="Longest time in seconds for one document; its worker is killed then."
    )
    memory_bytes: int = Field(
        default=2048 * _MIB, ge=512 * _MIB, description="Address space of a worker, its libraries (300 MiB) included."
    )
    max_expanded_bytes: int = Field(
        default=1024 * _MIB,
        ge=1024,
        description="Largest size of a document after it is expanded, as archives state it, and of its text.",
    )
    documents_per_worker: int = Field(
        default=500, ge=1, description="Documents after which a worker is replaced, for what libraries leak."
    )

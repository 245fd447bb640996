"""Settings of the gRPC door."""

from pydantic import Field

from ragstone_server.spi.provider import Settings


class GrpcSettings(Settings):
    """Limits of calls and streams."""

    max_message_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1024 * 1024,
        description="Largest message that is received; larger documents travel in parts.",
    )
    max_requests: int = Field(default=256, ge=1, description="Most calls in flight; one more gets RESOURCE_EXHAUSTED.")
    max_stream_documents: int = Field(
        default=8, ge=1, description="Documents of one Ingest stream that are worked on at once."
    )
    max_stream_bytes: int = Field(
        default=256 * 1024 * 1024,
        ge=1,
        description="Most bytes of documents that all Ingest streams hold; further ones are read when there is room.",
    )
    stalled_upload_seconds: float = Field(
        default=60.0, gt=0, description="A document whose next part does not come for so long ends its stream."
    )
    heartbeat_seconds: float = Field(
        default=10.0, gt=0, description="A stream that has said nothing for so long says that it is alive."
    )
    max_coalesced_bytes: int = Field(
        default=4096,
        ge=1,
        description="Most text of an answer in one message when the reader is slower than the answer.",
    )
    stalled_reader_seconds: float = Field(
        default=60.0, gt=0, description="A caller that reads nothing of its stream for so long is given up."
    )

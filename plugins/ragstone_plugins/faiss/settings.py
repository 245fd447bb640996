"""What can be set."""

from pydantic import Field

from ragstone_server.spi.provider import Settings


class FaissSettings(Settings):
    """Section `vector_index` with `use = "faiss"`."""

    seal_rows: int = Field(
        default=5000, ge=1, le=1_000_000, description="Fresh passages at which they are written to a file at once."
    )
    seal_after_s: float = Field(
        default=10.0,
        gt=0,
        le=3600,
        description="Seconds after which fewer are written too; a restart applies at most these changes again.",
    )
    dead_share: float = Field(
        default=0.3, gt=0, le=1, description="Share of deleted passages at which a file is written anew without them."
    )

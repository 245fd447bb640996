"""What can be set."""

from pydantic import Field

from ragstone_server.spi.provider import Settings


class FaissSettings(Settings):
    """Section `vector_index` with `use = "faiss"`."""

    shards: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Parts of a collection, each with files of its own, searched at once; another number builds them anew.",
    )
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
    background_share: float = Field(
        default=0.25, gt=0, le=1, description="Most of one core that merging and checking files take."
    )
    check_every_s: float = Field(
        default=86_400.0, gt=0, description="Seconds after which all files are read again to find damaged ones."
    )

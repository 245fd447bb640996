"""What can be set."""

from pydantic import Field

from ragstone_server.spi.provider import Settings


class TantivySettings(Settings):
    """Section `lexical_index` with `use = "tantivy"`."""

    writer_megabytes: int = Field(
        default=32, ge=15, le=4096, description="Memory for fresh passages before they are written to a file."
    )
    writer_idle_s: float = Field(
        default=60.0, gt=0, le=86400, description="Seconds without a change after which a writer and its threads close."
    )
    save_after_s: float = Field(
        default=5.0,
        gt=0,
        le=3600,
        description="Seconds after which the position is written; a restart applies at most these changes again.",
    )
    background_share: float = Field(default=0.25, gt=0, le=1, description="Most of one core that checking files takes.")
    check_every_s: float = Field(
        default=86_400.0, gt=0, description="Seconds after which all files are read again to find damaged ones."
    )

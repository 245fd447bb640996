"""Settings of the followers."""

from pydantic import Field

from ragstone_server.spi.provider import Settings


class IndexingSettings(Settings):
    """How closely the views follow the catalog."""

    refresh_seconds: float = Field(
        default=0.5, gt=0, description="Longest time a write waits to become searchable when no query demands it."
    )
    poll_seconds: float = Field(
        default=0.5, gt=0, description="How often a catalog that other processes write to is looked at for changes."
    )
    heartbeat_seconds: float = Field(
        default=60.0,
        gt=0,
        description="How often a view reads the change log, and notes that it lives, without being nudged.",
    )
    follower_hours: float = Field(
        default=24.0,
        gt=0,
        description="The change log is kept for a view that was seen within this time; one that comes later starts anew.",
    )
    batch_documents: int = Field(default=256, ge=1, description="Most documents that a view applies at once.")
    open_collections: int = Field(
        default=64, ge=1, description="Most collections whose views are open; the least recently used are closed."
    )
    recorded_questions: int = Field(
        default=200,
        ge=0,
        le=10_000,
        description="Latest distinct questions kept of each collection, to compare generations with; 0: none is recorded.",
    )
    former_generation_hours: float = Field(
        default=168.0,
        ge=0,
        description="How long a generation is kept after another became live in its place; 0: until it is deleted by hand.",
    )
    retire_seconds: float = Field(
        default=10.0, gt=0, description="How often superseded passages and old log entries are removed."
    )

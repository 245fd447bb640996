"""Settings of the SQLite catalog."""

from pathlib import Path

from pydantic import Field

from ragstone_server.spi.provider import Settings


class SqliteConfig(Settings):
    """Where the catalog lies and what it may use."""

    path: Path | None = Field(
        default=None, description="The file; none: `catalog/catalog.sqlite3` in the data directory."
    )
    cache_bytes: int = Field(default=32 * 1024 * 1024, ge=0, description="Page cache of each connection, in bytes.")
    wal_bytes: int = Field(
        default=64 * 1024 * 1024, ge=0, description="Size to which the write-ahead log is cut back after a checkpoint."
    )

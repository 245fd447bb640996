"""Settings of the SQLite catalog."""

from pathlib import Path

from pydantic import Field

from ragstone_server.spi.provider import Settings

MIB = 1024 * 1024


class SqliteConfig(Settings):
    """Section `catalog` with `use = "sqlite"`."""

    path: Path | None = Field(
        default=None, description="The file; by default `catalog/catalog.sqlite3` in the data directory."
    )
    cache_bytes: int = Field(
        default=16 * MIB, ge=MIB, description="Most memory for pages of the file, of each connection (one a thread)."
    )
    wal_bytes: int = Field(
        default=64 * MIB,
        ge=MIB,
        description="Size at which the write-ahead log is emptied into the file, if need be by waiting for readers.",
    )
    max_bytes: int | None = Field(
        default=None,
        ge=MIB,
        description="Most bytes that the file may take; past it writes are refused as on a full disk. None: no limit.",
    )

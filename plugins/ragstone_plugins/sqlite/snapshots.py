"""Copies of the catalog, and the one that is prepared to take its place."""

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ragstone_plugins.sqlite import copying
from ragstone_plugins.sqlite.connections import connect
from ragstone_plugins.sqlite.failures import told
from ragstone_plugins.sqlite.migrate import SCHEMA, migrate
from ragstone_plugins.sqlite.restoring import mark_of, prepared_of, write_mark
from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_plugins.sqlite.writer import Writer
from ragstone_server.spi.durable_files import full_disk_reported, sync_directory
from ragstone_server.spi.errors import SnapshotDamaged, SnapshotIncompatible, StartError
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.snapshots import CatalogFacts, CollectionDifference, DueRestore, SnapshotStage, Watch

# By name and version: what they count is true of a snapshot of another catalog too.
_DIFFERENCES = """
    SELECT c.name AS name,
        (SELECT count(*) FROM document d WHERE d.collection = c.key AND NOT EXISTS (
            SELECT 1 FROM copy.document e WHERE e.collection = f.key AND e.id = d.id AND e.version = d.version
        )) AS lost,
        (SELECT count(*) FROM copy.document e WHERE e.collection = f.key AND NOT EXISTS (
            SELECT 1 FROM document d WHERE d.collection = c.key AND d.id = e.id
        )) AS "returning",
        f.key IS NULL AS missing
    FROM collection c LEFT JOIN copy.collection f ON f.name = c.name
    UNION ALL
    SELECT f.name, 0, (SELECT count(*) FROM copy.document e WHERE e.collection = f.key), 0
    FROM copy.collection f WHERE NOT EXISTS (SELECT 1 FROM collection c WHERE c.name = f.name)
    ORDER BY 1
"""


class SqliteSnapshots:
    """Fits `SnapshotStore`."""

    def __init__(self, path: Path, config: SqliteConfig, writer: Writer) -> None:
        self._path = path
        self._config = config
        self._writer = writer

    @property
    def file(self) -> Path:
        """The catalog."""
        return self._path

    def size(self) -> int:
        """Of the file and its log."""
        log = self._path.with_name(f"{self._path.name}-wal")
        return self._path.stat().st_size + (log.stat().st_size if log.exists() else 0)

    def copy(self, target: Path, watch: Watch, /) -> CatalogFacts:
        """By SQLite's backup, within one read transaction. The write-ahead log grows as long as that takes."""
        with full_disk_reported():
            with self._writer.log_kept(), self._reading() as source:
                found = copying.facts(source)
                copying.copy(source, target, watch, FailPoint.SNAPSHOT_DURING_COPY)
            with told(), copying.opened(target) as copied:
                copying.check(copied, watch)
            copying.sync_file(target)
        return found

    def prepare(self, source: Path, watch: Watch, /) -> CatalogFacts:
        """Nothing but the copy is written to."""
        prepared = prepared_of(self._path)
        copying.remove(prepared)
        with full_disk_reported():
            # A snapshot is whole, and nobody writes to it: SQLite need make no file beside it.
            uri = f"{source.absolute().as_uri()}?immutable=1"
            with copying.damage_reported(), closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as reading:
                copying.copy(reading, prepared, watch, FailPoint.RESTORE_DURING_COPY)
            with told(), copying.opened(prepared) as copied:
                copying.check(copied, watch)
                stored = copying.facts(copied).schema
            if stored > SCHEMA:
                raise SnapshotIncompatible(
                    f"the snapshot's schema is {stored}, and this program knows {SCHEMA}; restore it with the newer Ragstone",
                    metadata={"schema": stored, "known": SCHEMA},
                )
            watch(SnapshotStage.MIGRATING, 0, 1)
            try:
                migrate(prepared, self._config)
            except StartError as error:
                raise SnapshotDamaged(f"a copy of the snapshot cannot be migrated: {error.message}") from error
            with told(), copying.opened(prepared) as copied:
                copied.execute("PRAGMA journal_mode = DELETE").close()
                copied.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (str(uuid.uuid4()),)).close()
                found = copying.facts(copied)
            copying.sync_file(prepared)
            sync_directory(prepared.parent)
        return found

    def compare(self, watch: Watch, /) -> tuple[CollectionDifference, ...]:
        """Of one instant."""
        watch(SnapshotStage.COMPARING, 0, 1)
        with self._attached() as connection:
            rows = connection.execute(_DIFFERENCES).fetchall()
        return tuple(
            CollectionDifference(**{**dict(row), "missing": bool(row["missing"])})
            for row in rows
            if row["lost"] or row["returning"] or row["missing"]
        )

    def discard(self) -> None:
        """Unless it is due."""
        if not mark_of(self._path).exists():
            copying.remove(prepared_of(self._path))

    def due(self, restore: DueRestore, /) -> None:
        """By a small file beside the catalog."""
        with full_disk_reported():
            reach(FailPoint.RESTORE_BEFORE_MARK)
            write_mark(self._path, restore)
            reach(FailPoint.RESTORE_AFTER_MARK)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """What is committed now, as long as the context."""
        with told(), closing(connect(self._path, self._config)) as connection:
            connection.execute("PRAGMA query_only = ON").close()
            connection.execute("BEGIN").close()
            yield connection

    @contextmanager
    def _attached(self) -> Iterator[sqlite3.Connection]:
        with told(), closing(connect(self._path, self._config)) as connection:
            connection.execute("ATTACH ? AS copy", (str(prepared_of(self._path)),)).close()
            connection.execute("PRAGMA query_only = ON").close()
            yield connection

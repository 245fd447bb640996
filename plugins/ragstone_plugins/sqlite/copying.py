"""A catalog file copied while it is written to, and checked."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ragstone_plugins.sqlite.failures import told
from ragstone_server.spi.errors import SnapshotDamaged
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.snapshots import CatalogFacts, CollectionCounts, SnapshotStage, Watch

PAGES_AT_ONCE = 256
"""Pages that are copied in one step: a megabyte."""
SIDE_FILES = ("-wal", "-shm", "-journal")
"""What SQLite may keep beside a database, by the ends of their names."""

_CATALOG = {"alembic_version", "meta", "collection", "document", "content"}
"""Tables that every catalog has, whatever its schema."""
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_COLLECTIONS = """
    SELECT c.name, c.head,
        (SELECT count(*) FROM document d WHERE d.collection = c.key) AS documents,
        coalesce(p.passages, 0) AS passages
    FROM collection c LEFT JOIN (
        SELECT collection, count(*) AS passages FROM content JOIN passage ON content = content.key
        WHERE superseded IS NULL GROUP BY collection
    ) p ON p.collection = c.key
    ORDER BY c.name
"""


@contextmanager
def damage_reported() -> Iterator[None]:
    """Turn what SQLite says of a database that is damaged into `SnapshotDamaged`."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in _DAMAGE:
            raise
        raise SnapshotDamaged(f"the database is damaged: {error}") from error


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a file that nobody else uses; what is not synced by it is synced by the caller."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def make_private(path: Path) -> None:
    """Make a new, empty file that no other user can read. Raises `FileExistsError`."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def remove(path: Path) -> None:
    """Remove a database with all that SQLite keeps beside it, if it is there."""
    for end in (*SIDE_FILES, ""):
        path.with_name(f"{path.name}{end}").unlink(missing_ok=True)


def sync_file(path: Path) -> None:
    """Have its bytes on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy(source: sqlite3.Connection, target: Path, watch: Watch, point: FailPoint) -> None:
    """Copy what the source's read transaction sees, which pins it: otherwise each write would begin the copy anew.

    `target` is a file of its own then, without a write-ahead log, and not synced.
    """
    page_bytes = int(source.execute("PRAGMA page_size").fetchone()[0])

    def passed(status: int, remaining: int, total: int) -> None:
        reach(point)
        watch(SnapshotStage.COPYING, (total - remaining) * page_bytes, total * page_bytes)

    make_private(target)
    with told(), opened(target) as copied:
        copied.execute("PRAGMA synchronous = OFF").close()  # a copy that is cut short is thrown away
        source.backup(copied, pages=PAGES_AT_ONCE, progress=passed)
        copied.execute("PRAGMA journal_mode = DELETE").close()


def check(connection: sqlite3.Connection, watch: Watch) -> None:
    """Check every page, row and index, table by table. Raises `SnapshotDamaged`."""
    with damage_reported():
        names = [row["name"] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for done, name in enumerate(names):
            watch(SnapshotStage.CHECKING, done, len(names))
            _ask(connection, f"PRAGMA integrity_check('{name}')")
        watch(SnapshotStage.CHECKING, len(names), len(names))


def facts(connection: sqlite3.Connection) -> CatalogFacts:
    """What it holds; within a transaction of the caller all of one instant. Raises `SnapshotDamaged`."""
    if not {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} >= _CATALOG:
        raise SnapshotDamaged("the database is not a catalog")
    with damage_reported():
        schema = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        epoch = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
        if schema is None or epoch is None:
            raise SnapshotDamaged("the database is no whole catalog")
        rows = connection.execute(_COLLECTIONS).fetchall()
    return CatalogFacts(
        epoch=str(epoch["value"]),
        schema=str(schema["version_num"]),
        collections=tuple(CollectionCounts(**dict(row)) for row in rows),
    )


def _ask(connection: sqlite3.Connection, pragma: str) -> None:
    found = connection.execute(pragma).fetchone()[0]
    if found != "ok":
        raise SnapshotDamaged(f"the database is damaged: {' '.join(str(found).split())}")

"""The catalog replaced by what was prepared, before it is opened. A kill at any instant leaves the former or the new one, whole."""

import json
import logging
import os
import sqlite3
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from ragstone_plugins.sqlite import copying
from ragstone_plugins.sqlite.connections import connect
from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_server.spi.durable_files import replace_file, sync_directory
from ragstone_server.spi.errors import StartError
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.snapshots import DueRestore

logger = logging.getLogger(__name__)

_CARRY = (
    "DELETE FROM main.operation",
    # Numbers that were given once are not given again.
    "DELETE FROM main.sqlite_sequence WHERE name = 'operation'",
    "INSERT INTO main.sqlite_sequence SELECT name, seq FROM former.sqlite_sequence WHERE name = 'operation'",
)
_CANCEL = """
    UPDATE operation SET state = 'cancelled', runner = '', epoch = epoch + 1, reason = 'OPERATION_CANCELLED', message = ?
    WHERE state IN ('waiting', 'running') AND json_extract(parameters, '$.id') IS NOT ?
"""
_OWN = "UPDATE operation SET cancel_requested = 0 WHERE state IN ('waiting', 'running')"


_FOLLOWERS = (
    "DELETE FROM main.follower",
    # This server's views are noted as if they had all of it: until they do, they say that they are built anew.
    """INSERT INTO main.follower (collection, view, durable, seen)
        SELECT c.key, f.view, c.head, f.seen FROM main.collection c
        CROSS JOIN (SELECT view, max(seen) AS seen FROM former.follower GROUP BY view) f WHERE c.head > 0""",
)


def prepared_of(path: Path) -> Path:
    """Where the next catalog lies until it is put in place."""
    return path.with_name(f"{path.name}.restoring")


def mark_of(path: Path) -> Path:
    """The file that says that a restore is due."""
    return path.with_name(f"{path.name}.restore-due")


def write_mark(path: Path, restore: DueRestore) -> None:
    """Say so; on disk when it returns."""
    replace_file(mark_of(path), json.dumps(asdict(restore)).encode())


def finish_restore(path: Path, config: SqliteConfig) -> None:
    """Put what is prepared in the place of the catalog, if that is due. Nobody has the catalog open. Raises `StartError`."""
    mark, prepared = mark_of(path), prepared_of(path)
    if not mark.exists():
        if prepared.exists():
            copying.remove(prepared)
        return
    try:
        restore = DueRestore(**json.loads(mark.read_bytes()))
        if prepared.exists():
            if path.exists():  # Where a file cannot have two names, a kill leaves an instant without it.
                _carry(path, prepared, restore, config)
                _keep(path, path.with_name(restore.kept))
            reach(FailPoint.RESTORE_BEFORE_SWAP)
            prepared.replace(path)
            sync_directory(path.parent)
            reach(FailPoint.RESTORE_AFTER_SWAP)
            logger.warning(
                "the catalog was restored from %s; the former one is kept as %s", restore.snapshot, restore.kept
            )
        mark.unlink()
        sync_directory(path.parent)
        reach(FailPoint.RESTORE_AFTER_UNMARK)
    except (OSError, ValueError, TypeError, sqlite3.Error) as error:
        raise StartError(
            f"the restore that {mark} asks for cannot be finished ({error}); nothing was lost: {path} is the former catalog. "
            f"Mend the cause and start again, or remove {mark} to go on without the restore"
        ) from error


def _carry(path: Path, prepared: Path, restore: DueRestore, config: SqliteConfig) -> None:
    """Have the operations of the former catalog in the new one, where all but the restore itself end, and its views.

    It empties the former one's write-ahead log too: one that stayed would be taken for the new catalog's.
    """
    told = f"cancelled, since the catalog was restored from {restore.snapshot}"
    with closing(connect(path, config)) as former:
        columns = ", ".join(row["name"] for row in former.execute("PRAGMA table_info(operation)"))
        former.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    with copying.opened(prepared) as connection:
        connection.execute("PRAGMA synchronous = FULL").close()
        connection.execute("ATTACH ? AS former", (str(path),)).close()
        connection.execute("BEGIN IMMEDIATE").close()
        for statement in _CARRY:
            connection.execute(statement).close()
        carried = f"INSERT INTO main.operation ({columns}) SELECT {columns} FROM former.operation"  # noqa: S608 - names of columns
        connection.execute(carried).close()
        connection.execute(_CANCEL, (told, restore.operation)).close()
        connection.execute(_OWN).close()
        for statement in _FOLLOWERS:
            connection.execute(statement).close()
        connection.execute("COMMIT").close()
    for end in copying.SIDE_FILES:
        side = path.with_name(f"{path.name}{end}")
        if side.exists() and side.stat().st_size and end != "-shm":
            raise StartError(f"another process has {path} open: {side} is in use; end that process and start again")
        side.unlink(missing_ok=True)


def _keep(path: Path, kept: Path) -> None:
    """Give the former catalog its other name; it keeps the one that it has until the new one takes it."""
    if kept.exists():
        return  # A kill came in between.
    try:
        os.link(path, kept)
    except OSError:  # Not every file system gives a file two names.
        path.rename(kept)
    sync_directory(path.parent)

"""What making, listing, restoring and deleting snapshots share: the folder, the catalog's copies, one at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ragstone_server.catalog.snapshot_folder import FoundSnapshot, SnapshotFolder, free_bytes
from ragstone_server.operations.kinds import Run
from ragstone_server.pipelines.settings import SnapshotSettings
from ragstone_server.pipelines.watching import KEPT_EVERY_S, Watched, in_thread
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import (
    OperationRunning,
    SnapshotDamaged,
    SnapshotNoSpace,
    SnapshotsUnsupported,
    StorageFull,
)
from ragstone_server.spi.snapshots import SnapshotStage, SnapshotStore, Watch

UNSUPPORTED = (
    "the catalog is a database with backups of its own: use those (for PostgreSQL pg_dump, or a base backup with its log), "
    "and run `ragstone migrate --new-epoch` on one that was restored"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshots:
    """Of one server."""

    store: SnapshotStore | None
    folder: SnapshotFolder
    settings: SnapshotSettings
    clock: Clock
    instance: str
    """The one that can run what is asked here, since the files are its own."""
    busy: asyncio.Lock
    """Held by who makes, restores or deletes one."""

    def supported(self) -> SnapshotStore:
        """The catalog's copies. Raises `SnapshotsUnsupported`."""
        if self.store is None:
            raise SnapshotsUnsupported(UNSUPPORTED)
        return self.store

    def watched(self, directory: Path) -> Watched:
        """For work that writes to the directory. Raises `SnapshotNoSpace` when its disk runs short."""
        return Watched(self.clock, self.settings.background_share, self._guard(directory))

    def check_space(self, directory: Path, needed: int) -> None:
        """Raises `SnapshotNoSpace` where so many bytes more would leave too few free."""
        free = free_bytes(directory)
        if free < needed + self.settings.min_free_bytes:
            raise SnapshotNoSpace(
                f"a copy of the catalog takes {needed} bytes, and {directory} has {free} free, of which "
                f"snapshots.min_free_bytes keeps {self.settings.min_free_bytes}; free some space, or name another disk "
                "in snapshots.directory",
                metadata={"needed_bytes": str(needed), "free_bytes": str(free)},
            )

    @asynccontextmanager
    async def alone(self, run: Run) -> AsyncIterator[None]:
        """Wait until no other is made or restored. Cancelling the operation ends the waiting."""
        while True:
            run.check()
            try:
                async with asyncio.timeout(KEPT_EVERY_S):
                    await self.busy.acquire()
                break
            except TimeoutError:
                continue
        try:
            yield
        finally:
            self.busy.release()

    async def page(self, after: str, limit: int, *, verify: bool) -> tuple[list[FoundSnapshot], str]:
        """Up to `limit` snapshots with greater names, ascending, and the name that the page ends with; empty: it is the last.

        Raises `SnapshotsUnsupported`.
        """
        self.supported()
        with space_reported():
            names = [each for each in await asyncio.to_thread(self.folder.names) if each > after]
            found = []
            for name in names[:limit]:
                look = partial(self._look, name, verify=verify)
                snapshot = await in_thread(Watched(self.clock, 1.0), look)
                if snapshot is not None:
                    found.append(snapshot)
        return found, names[limit - 1] if len(names) > limit else ""

    async def delete(self, name: str) -> None:
        """Raises `SnapshotNotFound`, and `OperationRunning` while one is made or restored."""
        self.supported()
        if self.busy.locked():
            raise OperationRunning(
                "a snapshot is made or restored at present; wait for its operation, or cancel it",
                metadata={"state": "running"},
            )
        async with self.busy:
            with space_reported():
                await asyncio.to_thread(self.folder.delete, name)

    def _look(self, name: str, watch: Watch, *, verify: bool) -> FoundSnapshot | None:
        return self.folder.look(name, watch if verify else None)

    def _guard(self, directory: Path) -> Callable[[SnapshotStage], None]:
        def guard(stage: SnapshotStage) -> None:
            if stage is SnapshotStage.COPYING:
                self.check_space(directory, 0)

        return guard


@contextmanager
def space_reported() -> Iterator[None]:
    """Have a full disk end the operation: to wait for space, with half a copy on the disk, would keep it full."""
    try:
        yield
    except StorageFull as error:
        raise SnapshotNoSpace from error
    except OSError as error:
        raise SnapshotDamaged(f"the files cannot be read or written: {error}") from error

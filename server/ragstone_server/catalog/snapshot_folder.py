"""The folder of snapshots: one directory each, which appears whole or not at all."""

import errno
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ragstone_server.catalog.snapshot_manifest import (
    CATALOG,
    MANIFEST,
    SUMS,
    SnapshotManifest,
    check_catalog,
    manifest_bytes,
    read_manifest,
    sums_bytes,
)
from ragstone_server.spi.durable_files import replace_file, sync_directory
from ragstone_server.spi.errors import SnapshotAlreadyExists, SnapshotDamaged, SnapshotIncompatible, SnapshotNotFound
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.snapshots import Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSnapshot:
    """A snapshot as it lies there."""

    name: str
    manifest: SnapshotManifest | None
    """None where it cannot be read."""
    problem: str
    """Why it cannot be restored; empty: nothing was found."""
    verified: bool
    """Whether its checksums were compared."""


class SnapshotFolder:
    """Every method blocks."""

    def __init__(self, directory: Path, instance: str) -> None:
        """`instance` marks what is not finished: others may have their snapshots in the same folder."""
        self.directory = directory
        self._unfinished = f".{instance}-"

    def names(self) -> list[str]:
        """In ascending order."""
        try:
            return sorted(path.name for path in self.directory.iterdir() if path.is_dir() and path.name[0] != ".")
        except FileNotFoundError:
            return []

    def has(self, name: str) -> bool:
        """Whether there is one of this name, whole or not."""
        return (self.directory / name).is_dir()

    def catalog_of(self, name: str) -> Path:
        """The copy of the catalog."""
        return self.directory / name / CATALOG

    def read(self, name: str) -> SnapshotManifest:
        """Its manifest, with the sizes of its files compared.

        Raises `SnapshotNotFound`, `SnapshotDamaged`, `SnapshotIncompatible`.
        """
        if not self.has(name):
            raise SnapshotNotFound(
                f"there is no snapshot {name} in {self.directory}", metadata={"snapshot": f"snapshots/{name}"}
            )
        return read_manifest(self.directory / name)

    def check(self, name: str, watch: Watch) -> SnapshotManifest:
        """As `read`, with the checksums compared."""
        manifest = self.read(name)
        check_catalog(self.directory / name, manifest, watch)
        return manifest

    def look(self, name: str, watch: Watch | None) -> FoundSnapshot | None:
        """Tell of it, whatever state it is in; None: it is gone. With `watch` its checksums are compared."""
        manifest = None
        try:
            manifest = self.read(name)
            if watch is not None:
                check_catalog(self.directory / name, manifest, watch)
        except SnapshotNotFound:
            return None
        except (SnapshotDamaged, SnapshotIncompatible) as error:
            return FoundSnapshot(name=name, manifest=manifest, problem=error.message, verified=False)
        return FoundSnapshot(name=name, manifest=manifest, problem="", verified=watch is not None)

    def begin(self, name: str) -> Path:
        """A new directory to write into, which nobody sees yet; what a former process left unfinished is removed."""
        self.clear()
        if not self.directory.is_dir():
            self.directory.mkdir(mode=0o700, parents=True)
            sync_directory(self.directory.parent)
        making = self.directory / f"{self._unfinished}{name}"
        making.mkdir(mode=0o700)
        return making

    def publish(self, making: Path, manifest: SnapshotManifest) -> None:
        """Give what was written its name; on disk when it returns. Raises `SnapshotAlreadyExists`."""
        data = manifest_bytes(manifest)
        replace_file(making / MANIFEST, data)
        replace_file(making / SUMS, sums_bytes({MANIFEST: _sha256(data), CATALOG: manifest.sha256}))
        reach(FailPoint.SNAPSHOT_BEFORE_RENAME)
        try:
            making.rename(self.directory / manifest.name)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise taken(manifest.name) from error
            raise
        sync_directory(self.directory)
        reach(FailPoint.SNAPSHOT_AFTER_RENAME)

    def delete(self, name: str) -> None:
        """Remove it; half a snapshot is never seen. Raises `SnapshotNotFound`."""
        self.clear()
        try:
            gone = self.directory / f"{self._unfinished}{name}"
            (self.directory / name).rename(gone)
        except FileNotFoundError as error:
            raise SnapshotNotFound(
                f"there is no snapshot {name}", metadata={"snapshot": f"snapshots/{name}"}
            ) from error
        sync_directory(self.directory)
        shutil.rmtree(gone)

    def clear(self) -> None:
        """Remove what this instance left unfinished. Nothing of it is at work."""
        if self.directory.is_dir():
            for path in self.directory.iterdir():
                if path.name.startswith(self._unfinished):
                    shutil.rmtree(path, ignore_errors=True)

    def free_bytes(self) -> int:
        """Of the disk."""
        return free_bytes(self.directory)


def taken(name: str) -> SnapshotAlreadyExists:
    """The error."""
    return SnapshotAlreadyExists(
        f"there is a snapshot {name} already; name another, or delete it first",
        metadata={"snapshot": f"snapshots/{name}"},
    )


def free_bytes(directory: Path) -> int:
    """Of the disk that has the directory, or would have it."""
    while not directory.exists():
        directory = directory.parent
    stat = os.statvfs(directory)
    return stat.f_bavail * stat.f_frsize


def _sha256(data: bytes) -> str:

    return hashlib.sha256(data).hexdigest()

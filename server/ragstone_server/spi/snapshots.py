"""The part of a catalog store that copies the catalog while it is in use, and puts a copy in its place.

Every method blocks, for seconds or minutes, and is called in a thread of its own. It calls `watch` between two pieces of work.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class SnapshotStage(StrEnum):
    """What is being done."""

    COPYING = "copying"
    """In bytes."""
    CHECKING = "checking"
    """The structure of the database, in tables."""
    READING = "reading"
    """Files, for their checksums, in bytes."""
    MIGRATING = "migrating"
    COMPARING = "comparing"
    REPLACING = "replacing"


class Watch(Protocol):
    """Told how far the work is. It rests, so that others have the disk and the processor, and raises to end the work."""

    def __call__(self, stage: SnapshotStage, done: int, total: int, /) -> None:
        """`done` of `total` in the unit of the stage."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionCounts:
    """What a collection holds."""

    name: str
    """Resource name."""
    head: int
    """Position of its last change."""
    documents: int
    passages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogFacts:
    """What a copy of a catalog holds, all of one instant."""

    epoch: str
    schema: str
    """Revision of the tables; revisions of one kind of catalog compare as text."""
    collections: tuple[CollectionCounts, ...]
    """In the order of their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionDifference:
    """How a collection of the catalog differs from that of a copy."""

    name: str
    """Resource name."""
    lost: int
    """Documents that the copy lacks, or has in another version: written since, where the copy is of this catalog."""
    returning: int
    """Documents that only the copy has: deleted since."""
    missing: bool
    """Whether the copy lacks the collection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRestore:
    """That the catalog is to be replaced."""

    operation: str
    """The `id` in the parameters of the operation that goes on in the restored catalog; every other is cancelled."""
    snapshot: str
    """Its name, for people."""
    kept: str
    """Name of the file, beside the catalog, that the former catalog becomes."""


class SnapshotStore(Protocol):
    """Copies of a catalog that is one file. Errors of the disk come as `StorageFull` or `OSError`."""

    @property
    def file(self) -> Path:
        """The catalog."""
        ...

    def size(self) -> int:
        """Bytes that a copy takes, about."""
        ...

    def copy(self, target: Path, watch: Watch, /) -> CatalogFacts:
        """Make `target`, a new file of its own, synced: the catalog of one instant. Writers and readers go on meanwhile.

        Raises `SnapshotDamaged` where the catalog itself is found damaged.
        """
        ...

    def prepare(self, source: Path, watch: Watch, /) -> CatalogFacts:
        """Copy `source` beside the catalog, check it whole, migrate it where it has to be, give it a new epoch; sync it.

        One that was prepared before is thrown away. Raises `SnapshotDamaged`, `SnapshotIncompatible`.
        """
        ...

    def compare(self, watch: Watch, /) -> tuple[CollectionDifference, ...]:
        """How the catalog differs from what is prepared; collections that do not differ are left out."""
        ...

    def discard(self) -> None:
        """Throw away what is prepared, if there is something and no restore is due."""
        ...

    def due(self, restore: DueRestore, /) -> None:
        """Have the next opening put what is prepared in the place of the catalog; on disk when it returns."""
        ...

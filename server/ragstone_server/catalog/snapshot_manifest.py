"""What a snapshot says of itself, and the checksums of its files."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from ragstone_server.spi.errors import SnapshotDamaged, SnapshotIncompatible
from ragstone_server.spi.snapshots import CatalogFacts, CollectionCounts, SnapshotStage, Watch

FORMAT = 1
MANIFEST = "manifest.json"
CATALOG = "catalog.sqlite3"
SUMS = "SHA256SUMS"
"""As `sha256sum` writes and checks it."""
READ_AT_ONCE = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotManifest:
    """A snapshot, as its maker saw it."""

    id: str
    """Of the operation that made it."""
    name: str
    """Without `snapshots/`."""
    description: str
    created: datetime
    """When the copy was begun."""
    version: str
    """Of Ragstone."""
    size_bytes: int
    """Of the catalog."""
    sha256: str
    """Of the catalog, in hexadecimal digits."""
    facts: CatalogFacts

    @property
    def documents(self) -> int:
        """Of all collections."""
        return sum(each.documents for each in self.facts.collections)

    @property
    def passages(self) -> int:
        """Of all collections."""
        return sum(each.passages for each in self.facts.collections)


def manifest_bytes(manifest: SnapshotManifest) -> bytes:
    """The file."""
    values = {"format": FORMAT, **asdict(manifest), "created": manifest.created.isoformat()}
    return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()


def sums_bytes(sums: Mapping[str, str]) -> bytes:
    """The file of checksums, from names and digests."""
    return "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode("ascii")


def read_manifest(directory: Path) -> SnapshotManifest:
    """Read it, compare its checksum and the sizes. Raises `SnapshotDamaged`, `SnapshotIncompatible`."""
    try:
        lines = [line.partition("  ") for line in (directory / SUMS).read_text("ascii").splitlines()]
        sums = {name: digest for digest, _, name in lines}
        data = (directory / MANIFEST).read_bytes()
        size = (directory / CATALOG).stat().st_size
    except FileNotFoundError as error:
        raise SnapshotDamaged(f"{Path(str(error.filename)).name} is missing") from error
    except (OSError, ValueError) as error:
        raise SnapshotDamaged(f"its files cannot be read ({error})") from error
    if sums.get(MANIFEST) != hashlib.sha256(data).hexdigest():
        raise SnapshotDamaged(f"{MANIFEST} is damaged: its checksum is not that of {SUMS}")
    manifest = _parsed(data)
    if sums.get(CATALOG) != manifest.sha256:
        raise SnapshotDamaged(f"{SUMS} is damaged: its checksum of {CATALOG} is not that of {MANIFEST}")
    if size != manifest.size_bytes:
        raise SnapshotDamaged(f"{CATALOG} has {size} bytes instead of {manifest.size_bytes}")
    return manifest


def check_catalog(directory: Path, manifest: SnapshotManifest, watch: Watch) -> None:
    """Read the copy and compare its checksum. Raises `SnapshotDamaged`."""
    try:
        found = sha256_of(directory / CATALOG, watch)
    except OSError as error:
        raise SnapshotDamaged(f"{CATALOG} cannot be read ({error})") from error
    if found != manifest.sha256:
        raise SnapshotDamaged(f"{CATALOG} is damaged: its checksum is not that of {MANIFEST}")


def sha256_of(path: Path, watch: Watch) -> str:
    """In hexadecimal digits."""
    digest, done, total = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as file:
        while some := file.read(READ_AT_ONCE):
            digest.update(some)
            done += len(some)
            watch(SnapshotStage.READING, min(done, total), total)
    return digest.hexdigest()


def _parsed(data: bytes) -> SnapshotManifest:
    values = json.loads(data)
    if (written := values.pop("format")) != FORMAT:
        raise SnapshotIncompatible(
            f"its format is {written}, and this program knows {FORMAT}; use the Ragstone that wrote it",
            metadata={"schema": str(written), "known": str(FORMAT)},
        )
    facts = values.pop("facts")
    collections = tuple(CollectionCounts(**each) for each in facts.pop("collections"))
    created = datetime.fromisoformat(values.pop("created"))
    return SnapshotManifest(**values, created=created, facts=CatalogFacts(**facts, collections=collections))

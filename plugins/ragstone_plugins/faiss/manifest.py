"""The manifest: which segment files are live, up to which position. Replaced as a whole by an atomic rename."""

import base64
import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from pyroaring import BitMap64

from ragstone_server.spi.durable_files import replace_file
from ragstone_server.spi.quarantine import Damage, Damaged
from ragstone_server.spi.views import ViewSpec

NAME = "manifest.json"
FORMAT = 2


class LiveSketch(BaseModel):
    """The sketch file beside a segment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    sha256: str


class LiveSegment(BaseModel):
    """One segment file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    size: int
    sha256: str
    dead: str
    """Deleted rows: a serialised roaring bitmap in base64."""
    documents: str
    """Keys of the documents that it was written with, likewise: what is lost where it is."""
    sketch: LiveSketch | None = None


def encode_numbers(numbers: NDArray[np.int64]) -> str:
    """A roaring bitmap in base64."""
    return encode_bitmap(BitMap64(numbers))


def encode_bitmap(bitmap: BitMap64) -> str:
    """Likewise."""
    bitmap.run_optimize()
    return base64.b64encode(bitmap.serialize()).decode()


def decode_numbers(text: str) -> NDArray[np.int64]:
    """Inverse of `encode_numbers`, ascending."""
    return np.array(BitMap64.deserialize(base64.b64decode(text)).to_array(), dtype=np.int64)


class Manifest(BaseModel):
    """What a restart reads first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    collection: int
    epoch: str
    generation: str
    dimension: int
    shard: str
    position: int
    next_file: int
    """Number of the next segment file."""
    segments: tuple[LiveSegment, ...]
    lost: str
    """Documents that went with a damaged file and are to be given again."""
    lost_after: int | None
    """Likewise all with greater keys."""

    def belongs_to(self, spec: ViewSpec, shard: str) -> bool:
        """Whether it was written for this view."""
        mine = (self.format, self.collection, self.epoch, self.generation, self.dimension, self.shard)
        return mine == (FORMAT, spec.collection, spec.epoch, spec.generation, spec.dimension, shard)


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Replace the manifest, durably."""
    body = manifest.model_dump_json().encode()
    replace_file(directory / NAME, body + b"\n" + hashlib.sha256(body).hexdigest().encode())


def read_manifest(directory: Path) -> Manifest | None:
    """The manifest, None where there is none. Raises `Damaged`."""
    try:
        body, _, digest = (directory / NAME).read_bytes().rpartition(b"\n")
    except FileNotFoundError:
        return None
    computed = hashlib.sha256(body).hexdigest()
    if computed.encode() != digest:
        said = digest[:64].decode("ascii", "replace")
        raise Damaged(Damage(file=NAME, expected=f"sha256 {said}", found=f"sha256 {computed}"))
    try:
        return Manifest.model_validate_json(body)
    except ValueError as error:
        raise Damaged(Damage(file=NAME, expected=f"format {FORMAT}", found="another format")) from error

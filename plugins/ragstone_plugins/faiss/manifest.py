"""The manifest: which segment files are live, up to which position. Replaced as a whole by an atomic rename."""

import base64
import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from pyroaring import BitMap64

from ragstone_server.spi.durable_files import replace_file
from ragstone_server.spi.views import ViewSpec

NAME = "manifest.json"
FORMAT = 1


class BrokenManifest(Exception):
    """The manifest is damaged or another view's."""


class LiveSegment(BaseModel):
    """One segment file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    size: int
    sha256: str
    dead: str
    """Deleted rows: a serialised roaring bitmap in base64."""

    def dead_rows(self) -> NDArray[np.int64]:
        """Deleted rows, ascending."""
        return np.array(BitMap64.deserialize(base64.b64decode(self.dead)).to_array(), dtype=np.int64)


def encode_rows(rows: NDArray[np.int64]) -> str:
    """Inverse of `LiveSegment.dead_rows`."""
    return base64.b64encode(BitMap64(rows.tolist()).serialize()).decode()


class Manifest(BaseModel):
    """What a restart reads first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    collection: int
    epoch: str
    generation: str
    dimension: int
    position: int
    next_file: int
    """Number of the next segment file."""
    segments: tuple[LiveSegment, ...]

    def belongs_to(self, spec: ViewSpec) -> bool:
        """Whether it was written for this view."""
        mine = (self.format, self.collection, self.epoch, self.generation, self.dimension)
        return mine == (FORMAT, spec.collection, spec.epoch, spec.generation, spec.dimension)


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Replace the manifest, durably."""
    body = manifest.model_dump_json().encode()
    replace_file(directory / NAME, body + b"\n" + hashlib.sha256(body).hexdigest().encode())


def read_manifest(directory: Path) -> Manifest | None:
    """The manifest, None where there is none. Raises `BrokenManifest`."""
    try:
        body, _, digest = (directory / NAME).read_bytes().rpartition(b"\n")
    except FileNotFoundError:
        return None
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise BrokenManifest(f"{NAME} is damaged")
    try:
        return Manifest.model_validate_json(body)
    except ValueError as error:
        raise BrokenManifest(f"{NAME} has another format") from error

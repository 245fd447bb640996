"""The file that says how far the index is durable, and whose it is. Tantivy's commits carry no payload in Python."""

import hashlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ragstone_server.spi.durable_files import replace_file
from ragstone_server.spi.quarantine import Damage, Damaged
from ragstone_server.spi.views import ViewSpec

FORMAT = 2


class Saved(BaseModel):
    """Content of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str
    """Of analyzer and layout."""
    collection: int
    epoch: str
    generation: str
    position: int
    groups: int
    """How many groups were saved at the least."""
    lost: int | None
    """Passages of documents with greater keys may be missing: a damaged file had them."""

    def belongs_to(self, spec: ViewSpec, fingerprint: str) -> bool:
        """Whether it was written for this view."""
        mine = (self.fingerprint, self.collection, self.epoch, self.generation)
        return mine == (fingerprint, spec.collection, spec.epoch, spec.generation)


def write_position(path: Path, saved: Saved) -> None:
    """Replace the file, durably."""
    body = saved.model_dump_json().encode()
    replace_file(path, body + b"\n" + hashlib.sha256(body).hexdigest().encode())


def read_position(path: Path) -> Saved | None:
    """The content, None where there is no file. Raises `Damaged`."""
    try:
        body, _, digest = path.read_bytes().rpartition(b"\n")
    except FileNotFoundError:
        return None
    computed = hashlib.sha256(body).hexdigest()
    if computed.encode() != digest:
        said = digest[:64].decode("ascii", "replace")
        raise Damaged(Damage(file=path.name, expected=f"sha256 {said}", found=f"sha256 {computed}"))
    try:
        return Saved.model_validate_json(body)
    except ValueError as error:
        raise Damaged(Damage(file=path.name, expected=f"format {FORMAT}", found="another format")) from error

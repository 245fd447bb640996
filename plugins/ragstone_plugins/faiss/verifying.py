"""What a vector view holds, and whether its files are whole. Runs in a thread of a lane."""

import hashlib
from pathlib import Path

import numpy as np

from ragstone_plugins.faiss import bits
from ragstone_plugins.faiss.segment import FOOTER_BYTES
from ragstone_plugins.faiss.state import State
from ragstone_server.spi.views import Inventory, vector_digest

_BLOCK = 1 << 20


def inventory(state: State) -> Inventory:
    """Of the rows that are not deleted."""
    masks = [bits.to_mask(part.alive, part.rows) for part in state.parts]
    keys = [part.columns.keys[mask] for part, mask in zip(state.parts, masks, strict=True)]
    digests = [
        vector_digest(part.columns.vectors[start : start + _BLOCK])[mask[start : start + _BLOCK]]
        for part, mask in zip(state.parts, masks, strict=True)
        for start in range(0, part.rows, _BLOCK)
    ]
    return Inventory(
        position=state.position,
        passages=np.concatenate([np.empty(0, dtype=np.int64), *keys]),
        vectors=np.concatenate([np.empty(0, dtype=np.uint32), *digests]),
    )


def damaged(directory: Path, state: State) -> tuple[str, ...]:
    """Segment files whose content is not the one that the manifest names."""
    return tuple(line for each in state.segments if (line := _damage(directory / each.file, each.size, each.sha256)))


def _damage(path: Path, size: int, sha256: str) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            left = size - FOOTER_BYTES
            while left > 0 and (data := file.read(min(_BLOCK, left))):
                digest.update(data)
                left -= len(data)
    except OSError as error:
        return f"{path.name} cannot be read ({error.strerror})"
    return "" if digest.hexdigest() == sha256 else f"{path.name} is damaged"

"""What a vector view holds, and whether its files are whole. Runs in a thread of a lane."""

from collections.abc import Iterator

import numpy as np

from ragstone_plugins.faiss import bits
from ragstone_plugins.faiss.files import SegmentFiles
from ragstone_plugins.faiss.state import State
from ragstone_server.spi.digests import group_digests
from ragstone_server.spi.pacing import at_once
from ragstone_server.spi.quarantine import Damage, Damaged
from ragstone_server.spi.views import Inventory, vector_digest

_BLOCK_ROWS = 1 << 20


def inventory(state: State) -> Inventory:
    """Of the rows that are not deleted."""
    masks = [bits.to_mask(part.alive, part.rows) for part in state.parts]
    keys = [part.columns.keys[mask] for part, mask in zip(state.parts, masks, strict=True)]
    documents = [part.columns.documents[mask] for part, mask in zip(state.parts, masks, strict=True)]
    digests = [
        vector_digest(part.columns.vectors[start : start + _BLOCK_ROWS])[mask[start : start + _BLOCK_ROWS]]
        for part, mask in zip(state.parts, masks, strict=True)
        for start in range(0, part.rows, _BLOCK_ROWS)
    ]
    attributes = [
        group_digests(part.columns.groups, part.columns.numbers[mask].astype(np.int64))
        for part, mask in zip(state.parts, masks, strict=True)
    ]
    return Inventory(
        position=state.position,
        passages=np.concatenate([np.empty(0, dtype=np.int64), *keys]),
        documents=np.concatenate([np.empty(0, dtype=np.int64), *documents]),
        vectors=np.concatenate([np.empty(0, dtype=np.uint32), *digests]),
        attributes=np.concatenate([np.empty(0, dtype=np.uint32), *attributes]),
        texts=None,
    )


def damaged(files: SegmentFiles, state: State) -> list[tuple[str, Damage]]:
    """Segments whose file or sketch is not what was written, with what is wrong."""
    return list(_damaged(files, state))


def _damaged(files: SegmentFiles, state: State) -> Iterator[tuple[str, Damage]]:
    for segment in state.segments:
        for check in (files.check, files.check_sketch):
            try:
                at_once(check(segment))
            except Damaged as error:
                yield segment.file, error.damage

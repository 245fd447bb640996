"""What a lexical view holds, and whether its files are whole. Runs in a thread of a lane."""

import math
from pathlib import Path

import numpy as np
import tantivy

from ragstone_plugins.tantivy.checking import check_files
from ragstone_plugins.tantivy.schema import DOCUMENT, GROUP, KEY, TEXT
from ragstone_plugins.tantivy.searching import Snapshot
from ragstone_server.spi.digests import group_digests
from ragstone_server.spi.pacing import at_once
from ragstone_server.spi.quarantine import Damage, Damaged
from ragstone_server.spi.views import Inventory


def inventory(snapshot: Snapshot) -> Inventory:
    """Of the passages that are not deleted."""
    searcher = snapshot.searcher
    found = searcher.search(tantivy.Query.all_query(), max(1, searcher.num_docs), count=False).hits
    addresses = [address for _, address in found]
    keys, documents, numbers, texts = (
        np.array(searcher.fast_field_values(field, addresses), dtype=np.int64) for field in (KEY, DOCUMENT, GROUP, TEXT)
    )
    return Inventory(
        position=snapshot.position,
        passages=keys,
        documents=documents,
        vectors=None,
        attributes=group_digests(snapshot.groups, numbers),
        texts=texts.astype(np.uint32),
    )


def damaged(directory: Path) -> tuple[Damage, ...]:
    """What is wrong with the files of the live segments."""
    try:
        return tuple(broken.damage for broken in at_once(check_files(directory, math.inf)).broken)
    except Damaged as error:
        return (error.damage,)

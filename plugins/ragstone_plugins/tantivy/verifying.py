"""What a lexical view holds, and whether its files are whole. Runs in a thread of a lane."""

import math
from pathlib import Path

import numpy as np
import tantivy

from ragstone_plugins.tantivy.checking import check_files
from ragstone_plugins.tantivy.schema import KEY
from ragstone_plugins.tantivy.searching import Snapshot
from ragstone_server.spi.pacing import at_once
from ragstone_server.spi.quarantine import Damage, Damaged
from ragstone_server.spi.views import Inventory


def inventory(snapshot: Snapshot) -> Inventory:
    """Of the passages that are not deleted."""
    searcher = snapshot.searcher
    found = searcher.search(tantivy.Query.all_query(), max(1, searcher.num_docs), count=False).hits
    keys = searcher.fast_field_values(KEY, [address for _, address in found])
    return Inventory(position=snapshot.position, passages=np.array(keys, dtype=np.int64), vectors=None)


def damaged(directory: Path) -> tuple[Damage, ...]:
    """What is wrong with the files of the live segments."""
    try:
        return tuple(broken.damage for broken in at_once(check_files(directory, math.inf)).broken)
    except Damaged as error:
        return (error.damage,)

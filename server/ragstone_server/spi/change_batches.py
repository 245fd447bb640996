"""For catalog stores: what goes into one batch of changes."""

from collections.abc import Iterable

from ragstone_server.spi.positions import DocumentKey
from ragstone_server.spi.views import DocumentChange
from ragstone_server.spi.visibility import Attributes

BATCH_TEXT_BYTES = 16 * 1024 * 1024
"""Text in a batch, and so its memory, whatever the number of documents asked for; a single document may have more."""

_NOTHING = Attributes(metadata={}, readers=frozenset())


def fitting(sizes: Iterable[int]) -> int:
    """How many texts of these sizes, from the first, go into a batch; at least one."""
    count = total = 0
    for size in sizes:
        total += size
        if count and total > BATCH_TEXT_BYTES:
            break
        count += 1
    return count


def gone(document: DocumentKey) -> DocumentChange:
    """The present state of a document that is not there."""
    return DocumentChange(document=document, attributes=_NOTHING, language=None, passages=())

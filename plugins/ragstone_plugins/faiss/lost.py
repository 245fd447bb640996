"""Which documents went with a damaged file, until they are given again."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.positions import DocumentKey


def _nobody() -> NDArray[np.int64]:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lost:
    """Immutable, as the state that it belongs to."""

    documents: NDArray[np.int64] = field(default_factory=_nobody)
    """Keys, ascending."""
    all_after: DocumentKey | None = None
    """Every document with a greater key is lost, too: the file that named them is."""

    @property
    def after(self) -> DocumentKey | None:
        """Keys of lost documents are greater than this one; None: nothing is lost."""
        bounds = [int(self.documents[0]) - 1] if len(self.documents) else []
        bounds += [self.all_after] if self.all_after is not None else []
        return DocumentKey(min(bounds)) if bounds else None

    def __contains__(self, document: DocumentKey) -> bool:
        """Whether it is lost."""
        if self.all_after is not None and document > self.all_after:
            return True
        place = int(np.searchsorted(self.documents, document))
        return place < len(self.documents) and self.documents[place] == document

    def with_documents(self, documents: NDArray[np.int64]) -> "Lost":
        """These are lost, too."""
        return replace(self, documents=np.union1d(self.documents, documents))

    def without(self, after: DocumentKey, upto: DocumentKey | None) -> "Lost":
        """What stays lost when all with keys above `after` and up to `upto` (None: all above) were given again."""
        end = len(self.documents) if upto is None else int(np.searchsorted(self.documents, upto, side="right"))
        begin = int(np.searchsorted(self.documents, after, side="right"))
        documents = np.concatenate((self.documents[:begin], self.documents[max(begin, end) :]))
        covered = self.all_after is not None and after <= self.all_after
        if covered and upto is not None and self.all_after is not None:
            return Lost(documents=documents, all_after=max(self.all_after, upto))
        return Lost(documents=documents, all_after=None if covered else self.all_after)

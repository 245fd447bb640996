"""What a view is at one instant, and what a batch of changes makes of it."""

from dataclasses import dataclass, field, replace

import faiss
import numpy as np

from ragstone_plugins.faiss.head import Head
from ragstone_plugins.faiss.part import Part, best
from ragstone_server.spi.positions import NO_POSITION, PassageKey, Position
from ragstone_server.spi.views import ChangeBatch, Hit, Hits, VectorQuery


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segment:
    """A part that lies in a file."""

    part: Part
    file: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """Immutable, so that a search keeps the one that it began with."""

    segments: tuple[Segment, ...] = ()
    frozen: tuple[Part, ...] = ()
    """Former heads that are being written to a file, or could not be."""
    head: Part | None = None
    position: Position = field(default=NO_POSITION)

    @property
    def unsealed(self) -> tuple[Part, ...]:
        """Parts that are in memory only."""
        return self.frozen if self.head is None else (*self.frozen, self.head)

    @property
    def unsealed_rows(self) -> int:
        """Rows that are in memory only."""
        return sum(part.rows for part in self.unsealed)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every part."""
        return (*(segment.part for segment in self.segments), *self.unsealed)


def applied(state: State, head: Head, batch: ChangeBatch) -> State:
    """The state after a batch. `head` is where the state's own head grows."""
    if not batch.changes:
        return replace(state, position=batch.position)
    documents = np.unique(np.array([change.document for change in batch.changes], dtype=np.int64))
    older = state.head and state.head.without_documents(documents)
    return State(
        segments=tuple(replace(segment, part=segment.part.without_documents(documents)) for segment in state.segments),
        frozen=tuple(part.without_documents(documents) for part in state.frozen),
        head=head.extended(older, batch.changes),
        position=batch.position,
    )


def search(state: State, query: VectorQuery) -> Hits:
    """The best hits of all parts. Runs in a thread of a lane."""
    faiss.omp_set_num_threads(1)  # OpenMP keeps the number by thread: setting it once at start-up reaches one only
    vector = np.ascontiguousarray(query.vector, dtype=np.float32).reshape(1, -1)
    parts = state.parts
    if query.limit <= 0 or not parts:
        return Hits(hits=(), position=state.position)
    scores, keys = best([part.nearest(vector, query.visibility, query.limit) for part in parts], query.limit)
    return Hits(
        hits=tuple(
            Hit(key=PassageKey(key), score=score) for score, key in zip(scores.tolist(), keys.tolist(), strict=True)
        ),
        position=state.position,
    )

"""What a view is at one instant, and what a batch of changes makes of it."""

from dataclasses import dataclass, field, replace

import faiss
import numpy as np

from ragstone_plugins.faiss.head import Head
from ragstone_plugins.faiss.lost import Lost
from ragstone_plugins.faiss.manifest import LiveSketch, decode_numbers
from ragstone_plugins.faiss.merge import Merge
from ragstone_plugins.faiss.part import Part, best
from ragstone_server.spi.positions import NO_POSITION, DocumentKey, PassageKey, Position
from ragstone_server.spi.views import ChangeBatch, Hit, Hits, VectorQuery


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segment:
    """A part that lies in a file."""

    part: Part
    file: str
    size: int
    sha256: str
    documents: str
    """Those that it was written with, as `manifest.encode_numbers` has them."""
    sketch: LiveSketch | None = None
    """What is true of the file of the part's sketch."""
    checked: bool = True
    """Whether all of it was read since it was opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What was written in place of other parts."""

    merge: Merge | None = None
    """None where no row was living."""
    segment: Segment | None = None
    dropped: frozenset[str] = frozenset()
    """Files that are merged into the new one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """Immutable, so that a search keeps the one that it began with."""

    segments: tuple[Segment, ...] = ()
    frozen: tuple[Part, ...] = ()
    """Former heads that are being written to a file, or could not be."""
    head: Part | None = None
    position: Position = field(default=NO_POSITION)
    lost: Lost = field(default_factory=Lost)

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
        lost=state.lost,
    )


def repaired(state: State, head: Head, batch: ChangeBatch, after: DocumentKey, upto: DocumentKey | None) -> State:
    """The state with what was lost of these documents; those that it has are left as they are."""
    changes = tuple(change for change in batch.changes if change.document in state.lost)
    fresh = applied(state, head, ChangeBatch(changes=changes, position=state.position))
    return replace(fresh, lost=state.lost.without(after, upto))


def with_merged(state: State, merged: Merged) -> State:
    """The state with a new segment in place of its sources; what was deleted meanwhile stays deleted."""
    kept = tuple(segment for segment in state.segments if segment.file not in merged.dropped)
    if merged.merge is None or merged.segment is None:
        return replace(state, segments=kept)
    now: dict[int, Part] = {id(part.columns): part for part in state.parts}
    alive = merged.merge.alive([now[id(source.columns)] for source in merged.merge.sources])
    fresh = replace(merged.segment, part=replace(merged.segment.part, alive=alive))
    return replace(state, segments=(*kept, fresh))


def without_segment(state: State, segment: Segment) -> State:
    """The state without a damaged segment, whose documents are lost."""
    return replace(
        state,
        segments=tuple(each for each in state.segments if each.file != segment.file),
        lost=state.lost.with_documents(decode_numbers(segment.documents)),
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

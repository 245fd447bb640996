"""Documents, filters and random histories for the suites of views."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from hypothesis import strategies as st

from ragstone_server.spi.context import Caller, RequestContext
from ragstone_server.spi.filters import And, Comparison, Filter, Has, Not, Operator, Or
from ragstone_server.spi.metadata import MetadataValue
from ragstone_server.spi.names import DEFAULT_COLLECTION, DEFAULT_TENANT, CollectionName
from ragstone_server.spi.positions import DocumentKey, PassageKey, Position
from ragstone_server.spi.views import ChangeBatch, DocumentChange, IndexedPassage
from ragstone_server.spi.visibility import Attributes, Visibility

DIMENSION = 8
COMMON = "ferry"
"""A word of every sample passage."""
WORDS = ("harbour", "ticket", "island", "winter", "engine", "captain", "dog", "kelp")
"""No two share a stem, and none is a stop word."""

CONTEXT = RequestContext(
    request_id="sample",
    caller=Caller(principal="user:ada"),
    collection=CollectionName(tenant=DEFAULT_TENANT, collection=DEFAULT_COLLECTION),
)
OPEN = Attributes(metadata={}, readers=None)
EVERYONE = Visibility(principals=frozenset({"user:ada"}), default_readable=True)


def passage(key: int, words: str = "") -> IndexedPassage:
    """A passage with a vector that follows from its key."""
    vector = np.random.default_rng(key).standard_normal(DIMENSION)
    return IndexedPassage(
        key=PassageKey(key),
        text=f"{COMMON} {words}",
        vector=(vector / np.linalg.norm(vector)).astype(np.float16),
    )


def document(key: int, *keys: int, attributes: Attributes = OPEN, words: str = "") -> DocumentChange:
    """A document with these passages; without any it is gone."""
    return DocumentChange(
        document=DocumentKey(key),
        attributes=attributes,
        language="en",
        passages=tuple(passage(each, words) for each in keys),
    )


def batch(position: int, *changes: DocumentChange) -> ChangeBatch:
    """Changes up to a position."""
    return ChangeBatch(changes=changes, position=Position(position))


@dataclass
class Model:
    """A view in plain Python: what is searchable after some batches."""

    documents: dict[DocumentKey, DocumentChange] = field(default_factory=dict)

    def apply(self, changes: ChangeBatch) -> None:
        """Replace the documents of the batch."""
        self.documents.update({change.document: change for change in changes.changes})

    def visible(self, visibility: Visibility) -> list[IndexedPassage]:
        """Passages that may be found."""
        allowed = [each for each in self.documents.values() if visibility.allows(each.attributes)]
        return [each for change in allowed for each in change.passages]


_SCALARS = st.sampled_from(["red", "blue", 1.0, 2.0, True, False, datetime(2025, 3, 1, tzinfo=UTC)])
_VALUES: st.SearchStrategy[MetadataValue] = st.one_of(_SCALARS, st.lists(_SCALARS, max_size=3).map(tuple))
_FIELDS = st.sampled_from(["colour", "size"])
_PRINCIPALS = st.frozensets(st.sampled_from(["user:ada", "group:crew", "group:port"]), max_size=2)

attribute_sets: st.SearchStrategy[Attributes] = st.builds(
    Attributes,
    metadata=st.dictionaries(_FIELDS, _VALUES, max_size=2),
    readers=st.one_of(st.none(), _PRINCIPALS),
)

_LEAVES: st.SearchStrategy[Filter] = st.one_of(
    st.builds(Comparison, field=_FIELDS, operator=st.sampled_from(Operator), value=_SCALARS),
    st.builds(Has, field=_FIELDS, value=st.one_of(st.none(), _SCALARS)),
)
filters: st.SearchStrategy[Filter] = st.recursive(
    _LEAVES,
    lambda terms: st.one_of(
        st.builds(And, terms=st.lists(terms, max_size=3).map(tuple)),
        st.builds(Or, terms=st.lists(terms, max_size=3).map(tuple)),
        st.builds(Not, term=terms),
    ),
    max_leaves=4,
)

visibilities: st.SearchStrategy[Visibility] = st.builds(
    Visibility, principals=_PRINCIPALS, default_readable=st.booleans(), filter=st.one_of(st.none(), filters)
)


@dataclass(frozen=True)
class Revision:
    """A document of a random history; its passages get new keys each time."""

    document: int
    attributes: Attributes
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One batch, and what happens after it."""

    revisions: tuple[Revision, ...]
    then: str
    """`go on`, `flush`, `reopen`, or `crash`: reopen what is on disk, without closing."""


_REVISIONS = st.builds(
    Revision,
    document=st.integers(1, 6),
    attributes=attribute_sets,
    texts=st.lists(st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join), max_size=3).map(tuple),
)
histories: st.SearchStrategy[list[Step]] = st.lists(
    st.builds(
        Step,
        revisions=st.lists(_REVISIONS, max_size=4, unique_by=lambda revision: revision.document).map(tuple),
        then=st.sampled_from(["go on", "flush", "reopen", "crash"]),
    ),
    min_size=1,
    max_size=5,
)


def batches(history: list[Step]) -> list[ChangeBatch]:
    """The batches of a history, at positions 1, 2, ..."""
    return [
        batch(
            position,
            *(
                DocumentChange(
                    document=DocumentKey(each.document),
                    attributes=each.attributes,
                    language=None,
                    passages=tuple(
                        passage(position * 1000 + each.document * 10 + number, text)
                        for number, text in enumerate(each.texts)
                    ),
                )
                for each in step.revisions
            ),
        )
        for position, step in enumerate(history, 1)
    ]

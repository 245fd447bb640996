"""Searching: BM25 over what the visibility allows, exactly."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tantivy
from numpy.typing import NDArray

from ragstone_plugins.tantivy.analysis import Analysis, Term
from ragstone_plugins.tantivy.schema import DOCUMENT, GROUP, KEY
from ragstone_server.spi.positions import DocumentKey, PassageKey, Position
from ragstone_server.spi.rows import RowGroups
from ragstone_server.spi.views import DocumentChange, Hit, Hits, LexicalQuery

_MOST_TERMS = 64
_MOST_GROUPS = 4096
"""Groups that a query lists: more than these are cheaper to over-fetch and to check."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """What one search sees: all of it is of one instant."""

    searcher: tantivy.Searcher
    schema: tantivy.Schema
    groups: RowGroups
    position: Position
    lost: DocumentKey | None
    """Passages of documents with greater keys may be missing: a damaged file had them."""


def search(snapshot: Snapshot, analysis: Analysis, request: LexicalQuery) -> Hits:
    """The best hits. Runs in a thread of a lane."""
    nothing = Hits(hits=(), position=snapshot.position)
    terms = _rarest(snapshot.searcher, analysis.question(request.text))
    passing = snapshot.groups.passing(request.visibility)
    allowed = int(np.count_nonzero(passing))
    rows = snapshot.searcher.num_docs
    if request.limit <= 0 or not terms or not allowed or not rows:
        return nothing
    query = _any_of(snapshot.schema, terms)
    fetch = min(request.limit, rows)
    if allowed == len(snapshot.groups):
        pass
    elif allowed <= _MOST_GROUPS:
        query = _within(snapshot.schema, query, np.flatnonzero(passing).tolist())
    else:
        fetch = min(rows, 2 * fetch * len(snapshot.groups) // allowed)
    while True:
        found = snapshot.searcher.search(query, fetch, count=False).hits
        hits = _allowed(snapshot.searcher, found, passing)
        if len(hits) >= request.limit or len(found) < fetch or fetch == rows:
            return Hits(hits=tuple(hits[: request.limit]), position=snapshot.position)
        fetch = min(rows, fetch * 4)


def incomplete(snapshot: Snapshot, changes: Sequence[DocumentChange]) -> tuple[DocumentChange, ...]:
    """Those of the documents of which the index has not as many passages as they have."""
    wanted = {int(change.document): len(change.passages) for change in changes if change.passages}
    rows = snapshot.searcher.num_docs
    if not wanted or not rows:
        return tuple(changes)
    query = tantivy.Query.term_set_query(snapshot.schema, DOCUMENT, list(wanted))
    # One more than are wanted: where a document has too many, others may look incomplete, and are written again.
    found = snapshot.searcher.search(query, min(rows, sum(wanted.values()) + 1), count=False).hits
    documents = snapshot.searcher.fast_field_values(DOCUMENT, [address for _, address in found])
    present = Counter(int(document) for document in documents if document is not None)
    return tuple(change for change in changes if present[int(change.document)] != len(change.passages))


def _allowed(
    searcher: tantivy.Searcher, found: list[tuple[Any, tantivy.DocAddress]], passing: NDArray[np.bool_]
) -> list[Hit]:
    addresses = [address for _, address in found]
    keys = searcher.fast_field_values(KEY, addresses)
    groups = searcher.fast_field_values(GROUP, addresses)
    return [
        Hit(key=PassageKey(int(key)), score=float(score))
        for (score, _), key, group in zip(found, keys, groups, strict=True)
        if key is not None and group is not None and group < len(passing) and passing[int(group)]
    ]


def _any_of(schema: tantivy.Schema, terms: list[Term]) -> tantivy.Query:
    queries = [tantivy.Query.term_query(schema, term.field, term.word, "freq") for term in terms]
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])


def _within(schema: tantivy.Schema, query: tantivy.Query, groups: list[int]) -> tantivy.Query:
    members = tantivy.Query.const_score_query(tantivy.Query.term_set_query(schema, GROUP, groups), 0.0)
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, members)])


def _rarest(searcher: tantivy.Searcher, terms: list[Term]) -> list[Term]:
    """Terms that occur, the rarest where there are too many: they decide over the score."""
    frequencies = [(searcher.doc_freq(term.field, term.word), term) for term in terms]
    occurring = [(frequency, term) for frequency, term in frequencies if frequency]
    return [term for _, term in sorted(occurring, key=lambda each: each[0])[:_MOST_TERMS]]

"""Searching: BM25 over what the visibility allows, exactly."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tantivy
from numpy.typing import NDArray

from ragstone_plugins.tantivy.analysis import Analysis, Word
from ragstone_plugins.tantivy.schema import DOCUMENT, GROUP, KEY, WORDS
from ragstone_server.spi.positions import DocumentKey, PassageKey, Position
from ragstone_server.spi.rows import RowGroups
from ragstone_server.spi.views import DocumentChange, Hit, Hits, LexicalQuery

_MOST_WORDS = 64
_MOST_TERMS = 256
"""That are asked for, one for each language that a word has: fewer words in an index of very many languages."""
_MOST_GROUPS = 4096
"""Groups that a query lists: more than these are cheaper to over-fetch and to check."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """What one search sees: all of it is of one instant."""

    searcher: tantivy.Searcher
    schema: tantivy.Schema
    groups: RowGroups
    marks: tuple[str, ...]
    """Of the languages that the passages are in."""
    position: Position
    lost: DocumentKey | None
    """Passages of documents with greater keys may be missing: a damaged file had them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weighed:
    term: str
    boost: float
    """Of its score; 1: as the term is by itself."""


def search(snapshot: Snapshot, analysis: Analysis, request: LexicalQuery) -> Hits:
    """The best hits. Runs in a thread of a lane."""
    nothing = Hits(hits=(), position=snapshot.position)
    terms = _rarest(snapshot.searcher, analysis.question(request.text, snapshot.marks))
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


def _any_of(schema: tantivy.Schema, terms: list[_Weighed]) -> tantivy.Query:
    queries = [
        tantivy.Query.boost_query(tantivy.Query.term_query(schema, WORDS, each.term, "freq"), each.boost)
        if each.boost != 1.0
        else tantivy.Query.term_query(schema, WORDS, each.term, "freq")
        for each in terms
    ]
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])


def _within(schema: tantivy.Schema, query: tantivy.Query, groups: list[int]) -> tantivy.Query:
    members = tantivy.Query.const_score_query(tantivy.Query.term_set_query(schema, GROUP, groups), 0.0)
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, members)])


def _rarest(searcher: tantivy.Searcher, words: list[Word]) -> list[_Weighed]:
    """The terms of the words that occur, the rarest words where there are too many: they decide over the score.

    A word is as rare as it is in all languages together. By itself, a name that many passages in one language have would be
    a rarity in each of the others, and the few passages there would come first for it.
    """
    counted = [{term: searcher.doc_freq(WORDS, term) for term in word.terms} for word in words]
    occurring = sorted((each for each in counted if any(each.values())), key=lambda each: sum(each.values()))
    rows = max(searcher.num_docs, *(sum(each.values()) for each in occurring), 1)
    weighed = [
        _Weighed(term=term, boost=_rarity(rows, sum(each.values())) / _rarity(rows, frequency))
        for each in occurring[:_MOST_WORDS]
        for term, frequency in each.items()
        if frequency
    ]
    return weighed[:_MOST_TERMS]


def _rarity(rows: int, frequency: int) -> float:
    """Inverse document frequency as Tantivy's BM25 has it."""
    return math.log(1 + (rows - frequency + 0.5) / (frequency + 0.5))

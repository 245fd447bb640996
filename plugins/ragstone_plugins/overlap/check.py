"""Scores claims by the words that they share with the passages, and by the likeness of their vectors."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.overlap.words import Parts, parts_of
from ragstone_server.spi.embedder import Embedder, EmbedRequest, Purpose
from ragstone_server.spi.grounding_check import Claim, GroundingRequest, Support
from ragstone_server.spi.host import Lane
from ragstone_server.spi.sentences import split_sentences

WORDS_SHARE = 0.7
"""Of the score; the rest is the likeness of the vectors."""
OTHER_NUMBER = 0.2
OTHER_NAME = 0.4
OTHER_NEGATION = 0.3
"""What a claim can reach at most whose numbers, names or negation are not those of the passage."""
NEIGHBOURS = 2
"""Sentences of a passage that may support a claim together."""
CANDIDATES = 256
"""Windows of a claim that are looked at, about; so that long texts take time as they are long."""
SHORTLIST = 4
"""Windows of a claim whose vectors are looked at: those that share most of its words."""
NOTHING = Support(score=0.0, passage=None)


@dataclass(frozen=True, slots=True)
class _Window:
    """Some sentences of a passage, one behind the other."""

    passage: int
    text: str
    sentences: tuple[Parts, ...]
    words: frozenset[str]
    numbers: frozenset[str]

    def denies(self, claim: Parts) -> bool:
        """Whether the sentence that says most of the claim says no where the claim says yes, or the other way round."""
        closest = max(self.sentences, key=lambda sentence: len(sentence.words & claim.words))
        return closest.negated != claim.negated


@dataclass(frozen=True, slots=True)
class _Match:
    """A window that may support a claim."""

    window: _Window
    shared: float
    """Of the claim's words, those that the window has."""
    limit: float
    """What the score can be at most."""

    def score(self, cosine: float) -> float:
        """0 to 1."""
        return min(self.limit, WORDS_SHARE * self.shared + (1 - WORDS_SHARE) * min(max(cosine, 0.0), 1.0))


class OverlapCheck:
    """Fits `spi.grounding_check.GroundingCheck`."""

    def __init__(self, embedder: Embedder, lane: Lane) -> None:
        self._embedder = embedder
        self._lane = lane

    async def __call__(self, request: GroundingRequest, /) -> tuple[Support, ...]:
        """Score every claim."""
        matches = await self._lane.run(_matches, request.claims, request.passages)
        texts: dict[str, None] = {}
        for claim, found in zip(request.claims, matches, strict=True):
            if _decided(found, request.decisive):
                continue
            others = [match.window.text for match in found if match.window.text != claim.text]
            texts |= dict.fromkeys((claim.text, *others) if others else ())
        of = {}
        if texts:
            vectors = await self._embedder(EmbedRequest(texts=tuple(texts), purpose=Purpose.PASSAGE))
            of = dict(zip(texts, vectors, strict=True))
        supports = []
        for claim, found in zip(request.claims, matches, strict=True):
            scored = [(match.score(_likeness(claim.text, match, of)), match) for match in found]
            best = max(scored, key=lambda each: each[0], default=None)
            supports.append(NOTHING if best is None else Support(score=best[0], passage=best[1].window.passage))
        return tuple(supports)


def _decided(found: Sequence[_Match], decisive: float | None) -> bool:
    """Whether no vector can change if the claim reaches the decisive score."""
    if decisive is None:
        return False
    return any(match.score(0.0) >= decisive for match in found) or all(match.score(1.0) < decisive for match in found)


def _likeness(claim: str, match: _Match, vectors: Mapping[str, NDArray[np.float32]]) -> float:
    """The cosine; of a quotation without its vector, and where vectors were left out, what words suggest."""
    text = match.window.text
    if text == claim:
        return 1.0
    return float(vectors[claim] @ vectors[text]) if claim in vectors and text in vectors else match.shared


def _matches(claims: Sequence[Claim], passages: Sequence[str]) -> list[list[_Match]]:
    """The shortlist of each claim."""
    windows = _windows(passages)
    places: Mapping[str, list[int]] = defaultdict(list)
    whole: Mapping[int, set[str]] = defaultdict(set)
    for place, window in enumerate(windows):
        whole[window.passage] |= window.words
        for word in window.words:
            places[word].append(place)
    return [_shortlist(claim, windows, places, whole) for claim in claims]


def _windows(passages: Sequence[str]) -> list[_Window]:
    found = []
    for passage, text in enumerate(passages):
        sentences = list(split_sentences(" ".join(text.split())))
        parts = [parts_of(sentence) for sentence in sentences]
        for length in range(1, NEIGHBOURS + 1):
            for begin in range(len(sentences) - length + 1):
                end = begin + length
                some = tuple(parts[begin:end])
                words = frozenset[str]().union(*(sentence.words for sentence in some))
                numbers = frozenset[str]().union(*(sentence.numbers for sentence in some))
                found.append(_Window(passage, " ".join(sentences[begin:end]), some, words, numbers))
    return found


def _shortlist(
    claim: Claim, windows: list[_Window], places: Mapping[str, list[int]], whole: Mapping[int, AbstractSet[str]]
) -> list[_Match]:
    parts = parts_of(claim.text)
    cited = frozenset(claim.cited)
    candidates: dict[int, None] = {}
    for word in sorted(parts.words, key=lambda word: (len(places.get(word, ())), word)):
        asked = (place for place in places.get(word, ()) if not cited or windows[place].passage in cited)
        candidates.update(dict.fromkeys(islice(asked, CANDIDATES)))
        if len(candidates) >= CANDIDATES:
            break  # those of its rarest words: whoever has only common ones says something else
    found = [_match(parts, windows[place], whole[windows[place].passage]) for place in candidates]
    quoted = [match for match in found if match.window.text == claim.text]
    return quoted[:1] or sorted(found, key=lambda match: -match.score(1.0))[:SHORTLIST]


def _match(claim: Parts, window: _Window, passage: AbstractSet[str]) -> _Match:
    """Names may stand anywhere in the passage, for sentences go on with pronouns; numbers are said where they belong."""
    shared = len(claim.words & (window.words | (claim.names & passage))) / len(claim.words)
    limit = 1.0
    if not claim.numbers <= window.numbers:
        limit = min(limit, OTHER_NUMBER)
    if not claim.names <= passage:
        limit = min(limit, OTHER_NAME)
    if window.denies(claim):
        limit = min(limit, OTHER_NEGATION)
    return _Match(window, shared, limit)

"""How well passages support a text, sentence by sentence."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from ragstone_server.pipelines.citations import MARKER, numbers_of
from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.grounding_check import Claim, GroundingRequest, Support
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.sentences import split_sentences
from ragstone_server.spi.stages import Stage
from ragstone_server.wrappers.fallible import Degradation, Outcome

_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence of a text."""

    range: ByteRange
    """Without the markers around it."""
    text: str
    cited: tuple[int, ...]
    """Numbers of its markers, counted from 1, that name a passage, each once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundedSentence:
    """A sentence and its support."""

    sentence: Sentence
    support: Support
    supported: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounding:
    """Every sentence of a text."""

    sentences: tuple[GroundedSentence, ...]
    min_score: float
    """From this score on, a sentence is supported."""
    degradation: Degradation | None = None

    @property
    def share(self) -> float:
        """Of the sentences, those that are supported; 1 where there are none."""
        return sum(each.supported for each in self.sentences) / len(self.sentences) if self.sentences else 1.0


class CheckGrounding:
    """Judges texts against passages."""

    def __init__(self, check: Stage[GroundingRequest, Outcome[tuple[Support, ...]]], min_score: float) -> None:
        self._check = check
        self._min_score = min_score

    async def __call__(self, context: RequestContext, text: str, passages: tuple[str, ...]) -> Grounding:
        """Judge every sentence that has a word. Raises what the stage raises."""
        sentences = tuple(sentences_of(text, len(passages)))
        claims = tuple(Claim(text=each.text, cited=tuple(number - 1 for number in each.cited)) for each in sentences)
        outcome = await self._check(GroundingRequest(context=context, claims=claims, passages=passages))
        assert outcome.result is not None  # it cannot be skipped: nothing would be judged, and all seem to be
        return Grounding(
            sentences=tuple(
                GroundedSentence(sentence=sentence, support=support, supported=support.score >= self._min_score)
                for sentence, support in zip(sentences, outcome.result, strict=True)
            ),
            min_score=self._min_score,
            degradation=outcome.degradation,
        )


def sentences_of(text: str, passages: int) -> Iterator[Sentence]:
    """The sentences that have a word, each with the markers in it or right behind it; a number beyond `passages` names none."""
    markers = list(MARKER.finditer(text))
    places = [marker.start() for marker in markers]
    bare = MARKER.sub(lambda marker: " " * len(marker[0]), text)
    spans = list(_spans(bare))
    starts = [start for start, _ in spans] + [len(text) + 1]
    for (start, end), following in zip(spans, starts[1:], strict=True):
        own = markers[bisect_left(places, start) : bisect_left(places, following)]
        cited = chain.from_iterable(map(numbers_of, own))
        yield Sentence(
            range=ByteRange(start=len(text[:start].encode()), end=len(text[:end].encode())),
            text=" ".join(bare[start:end].split()),
            cited=tuple(dict.fromkeys(number for number in cited if 1 <= number <= passages)),
        )


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences stand, in characters."""
    place = 0
    for line in text.splitlines(keepends=True):
        begin = place
        for sentence in split_sentences(line):
            begin = text.index(sentence, begin)
            if _WORD.search(sentence):
                yield begin, begin + len(sentence)
            begin += len(sentence)
        place += len(line)

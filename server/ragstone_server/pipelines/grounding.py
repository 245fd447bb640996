"""How well passages support a text, sentence by sentence."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import chain, islice

from ragstone_server.pipelines.citations import MARKER, numbers_of
from ragstone_server.pipelines.judgement import GroundedSentence, Grounding, Sentence
from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.grounding_check import Claim, GroundingRequest, Support
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.sentences import split_sentences
from ragstone_server.spi.stages import Stage
from ragstone_server.wrappers.fallible import Outcome

_WORD = re.compile(r"\w")


class CheckGrounding:
    """Judges texts against passages."""

    def __init__(self, check: Stage[GroundingRequest, Outcome[tuple[Support, ...]]], min_score: float) -> None:
        self._check = check
        self._min_score = min_score

    async def __call__(
        self,
        context: RequestContext,
        text: str,
        passages: tuple[str, ...],
        *,
        most: int | None = None,
        exact: bool = True,
    ) -> Grounding:
        """Judge the sentences that have a word, the first `most` of them. Raises what the stage raises.

        Where not `exact`, scores may be rough, but are on the right side of the threshold.
        """
        found = sentences_of(text, len(passages))
        sentences = tuple(islice(found, most))
        claims = tuple(Claim(text=each.text, cited=tuple(number - 1 for number in each.cited)) for each in sentences)
        decisive = None if exact else self._min_score
        outcome = await self._check(
            GroundingRequest(context=context, claims=claims, passages=passages, decisive=decisive)
        )
        assert outcome.result is not None  # it cannot be skipped: nothing would be judged, and all seem to be
        grounded = tuple(
            GroundedSentence(sentence=sentence, support=support, supported=support.score >= self._min_score)
            for sentence, support in zip(sentences, outcome.result, strict=True)
        )
        return Grounding(
            sentences=grounded,
            min_score=self._min_score,
            share=sum(each.supported for each in grounded) / len(grounded) if grounded else 1.0,
            unjudged=sum(1 for _ in found),
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
            text=" ".join(MARKER.sub("", text[start:end]).split()),
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

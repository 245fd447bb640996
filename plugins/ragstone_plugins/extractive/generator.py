"""The generator: reads the evidence, ranks its sentences, and quotes the best or abstains."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.extractive.features import Candidate, describe
from ragstone_plugins.extractive.plain_text import unmarked
from ragstone_plugins.extractive.question import Question
from ragstone_plugins.extractive.reading import Source, read
from ragstone_plugins.extractive.scoring import Array, Calibration, columns_of, shortlist
from ragstone_plugins.extractive.selection import same_statement, select
from ragstone_plugins.extractive.settings import ExtractiveOptions, ExtractiveSettings
from ragstone_server.spi.embedder import Embedder, EmbedRequest, Purpose
from ragstone_server.spi.generator import (
    Abstention,
    Finished,
    FinishReason,
    GenerateRequest,
    GenerationEvent,
    TextDelta,
    Usage,
    Window,
)
from ragstone_server.spi.host import Lane
from ragstone_server.spi.kinds import GENERATOR
from ragstone_server.spi.tokenizer import Tokenizer

MODEL = "extractive"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shortlist:
    """What is worth a closer look."""

    candidates: tuple[Candidate, ...]
    lexical: Array
    """Rows of `describe`."""


class ExtractiveGenerator:
    """A `Generator` whose answers stand in the evidence word for word, but for marks of Markdown, the layout of tables,
    and brackets around numbers, which would read as citations.

    `dense` says whether the embedder is the one of the calibration; with any other, sentences are judged by their words alone.
    The only cost is that of embedding the question and `EMBEDDED` sentences, in one call.
    """

    def __init__(
        self, settings: ExtractiveSettings, calibration: Calibration, embedder: Embedder, lane: Lane, *, dense: bool
    ) -> None:
        self._settings = settings
        self._calibration = calibration
        self._embedder = embedder
        self._lane = lane
        self._dense = dense

    @property
    def model(self) -> str:
        """What answers, as the stream names it."""
        return MODEL

    @property
    def window(self) -> Window | None:
        """It reads whatever there is."""
        return None

    @property
    def metered(self) -> bool:
        """It answers in this process."""
        return False

    @property
    def writes_json(self) -> bool:
        """It quotes."""
        return False

    def __call__(self, request: GenerateRequest, /) -> AbstractAsyncContextManager[AsyncIterator[GenerationEvent]]:
        """Answer one question."""
        return self._stream(request)

    @asynccontextmanager
    async def _stream(self, request: GenerateRequest) -> AsyncIterator[AsyncIterator[GenerationEvent]]:
        async with aclosing(self._events(request)) as events:
            yield events

    async def _events(self, request: GenerateRequest) -> AsyncGenerator[GenerationEvent, None]:
        question = Question.of(request.search_text or request.question)
        tokens_in = await self._lane.run(_count, self._embedder.tokenizer, _prompt(request))
        quoted = await self._answer(request, question)
        if not quoted:
            yield Finished(
                finish_reason=FinishReason.ABSTAINED,
                abstention=Abstention.NO_RELEVANT_CONTENT,
                usage=Usage(input_tokens=tokens_in, output_tokens=0, estimated=True),
            )
            return
        tokens_out, reason = 0, FinishReason.STOP
        for index, candidate in enumerate(quoted):
            text = f"{' ' if index else ''}{unmarked(candidate.text)} [{candidate.number}]"
            tokens = _count(self._embedder.tokenizer, (text,))
            if index and tokens_out + tokens > request.max_output_tokens:
                reason = FinishReason.LENGTH
                break
            tokens_out += tokens
            yield TextDelta(text=text)
        if tokens_out > request.max_output_tokens:
            reason = FinishReason.LENGTH
        yield Finished(
            finish_reason=reason,
            abstention=None,
            usage=Usage(input_tokens=tokens_in, output_tokens=tokens_out, estimated=True),
        )

    async def _answer(self, request: GenerateRequest, question: Question) -> list[Candidate]:
        """Sentences to quote, best first; none: the evidence does not answer."""
        sources = tuple(
            Source(
                number=passage.number,
                title=passage.scored.passage.title,
                headings=passage.scored.passage.headings,
                text=passage.text,
            )
            for passage in request.evidence
        )
        short = await self._lane.run(self._shortlist, question, sources)
        if not short.candidates:
            return []
        vectors = None
        if self._dense:
            texts = (question.text, *(candidate.text for candidate in short.candidates))
            # A sentence is compared with the question as one question with another: in one space, on the lane kept for callers.
            vectors = await self._embedder(EmbedRequest(texts=texts, purpose=Purpose.QUESTION))
        options = request.context.options_of(GENERATOR.name, ExtractiveOptions)
        return self._choose(short, vectors, options)

    def _shortlist(self, question: Question, sources: Sequence[Source]) -> _Shortlist:
        candidates = read(question, sources)
        if not candidates or not question.words:
            return _Shortlist(candidates=(), lexical=np.zeros((0, 0)))
        lexical = describe(question, candidates)
        rows = shortlist(self._calibration.lexical, lexical)
        return _Shortlist(candidates=tuple(candidates[row] for row in rows), lexical=lexical[rows])

    def _choose(
        self, short: _Shortlist, vectors: NDArray[np.float32] | None, options: ExtractiveOptions
    ) -> list[Candidate]:
        """Rank the shortlist, and take what the calibration says."""
        learned = self._calibration
        judge = learned.lexical if vectors is None else learned.dense
        cosine = None if vectors is None else np.asarray(vectors[1:] @ vectors[0], dtype=np.float64)
        columns = columns_of(short.lexical, cosine)
        logits = judge.rank.logits(columns)
        least = self._settings.min_confidence if options.min_confidence is None else options.min_confidence
        if judge.confidence(columns, int(np.argmax(logits))) < (judge.threshold if least is None else least):
            return []
        same = same_statement(
            [candidate.text for candidate in short.candidates],
            [candidate.number for candidate in short.candidates],
            None if vectors is None else vectors[1:],
            learned.same,
            learned.same_words,
        )
        limit = options.max_sentences or self._settings.max_sentences
        return [short.candidates[row] for row in select(logits, same, learned.ratio, limit)]


def _prompt(request: GenerateRequest) -> tuple[str, ...]:
    return (request.question, *(passage.text for passage in request.evidence))


def _count(tokenizer: Tokenizer, texts: Sequence[str]) -> int:
    return sum(len(tokenizer.offsets(text)) for text in texts)

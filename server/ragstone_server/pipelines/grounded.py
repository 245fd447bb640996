"""From evidence to an answer that the evidence supports (promise P7): generated, judged, and refused where policy says so."""

import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import replace

from ragstone_server.catalog.watermark import Watermark
from ragstone_server.observe.stage_times import StageTime, collected
from ragstone_server.pipelines.events import Answer, AttemptDiscarded, Citation, Completed
from ragstone_server.pipelines.fitting import Render
from ragstone_server.pipelines.generate import Choice, Generate, GenerateEvent
from ragstone_server.pipelines.grounding import CheckGrounding
from ragstone_server.pipelines.json_text import prose_of
from ragstone_server.pipelines.judgement import Grounding
from ragstone_server.pipelines.settings import GroundingSettings, OnUnsupported
from ragstone_server.spi.errors import RequestError
from ragstone_server.spi.evidence import NumberedPassage
from ragstone_server.spi.generator import Abstention, AnswerFormat, FinishReason, GenerateRequest
from ragstone_server.spi.kinds import GROUNDING_CHECK
from ragstone_server.wrappers.fallible import Degradation

logger = logging.getLogger(__name__)

GroundedEvent = GenerateEvent | StageTime


class GenerateGrounded:
    """Asks the models, then whether the evidence supports what they said."""

    def __init__(self, generate: Generate, check_grounding: CheckGrounding, settings: GroundingSettings) -> None:
        self._generate = generate
        self._check_grounding = check_grounding
        self._settings = settings

    def check(self, choice: Choice, answer_format: AnswerFormat) -> None:
        """Raises `InvalidRequest` where the choice is not permitted, before any work is spent."""
        self._generate.check(choice, answer_format)

    async def __call__(
        self, request: GenerateRequest, choice: Choice, watermark: Watermark, render: Render
    ) -> AsyncGenerator[GroundedEvent, None]:
        """Ends with `Completed`, and raises, as `Generate` does.

        A check that fails is declared; where policy refuses what is not supported, no answer passes unjudged.
        """
        async with aclosing(self._generate(request, choice, watermark, render)) as events:
            async for event in events:
                if isinstance(event, Completed) and self._to_judge(event):
                    async for told in self._judged(request, event):
                        yield told
                else:
                    yield event

    def _to_judge(self, completed: Completed) -> bool:
        return completed.abstention is None and self._settings.on_unsupported is not OnUnsupported.IGNORE

    async def _judged(self, request: GenerateRequest, completed: Completed) -> AsyncGenerator[GroundedEvent, None]:
        grounding: Grounding | None = None
        evidence = request.evidence[: completed.passages_in_prompt]
        passages = tuple(passage.text for passage in evidence)
        text = completed.answer.text
        if request.sampling.json_schema is not None:
            text = prose_of(text)
        with collected() as times:
            try:
                grounding = await self._check_grounding(
                    request.context, text, passages, most=self._settings.max_sentences, exact=False
                )
            except RequestError as error:
                logger.warning("the answer could not be judged: %s", error)
        for time in times:
            yield time
        for reason in _shortcomings(grounding):
            yield reason
        if self._settings.on_unsupported is OnUnsupported.ABSTAIN and self._refuses(grounding):
            yield AttemptDiscarded(reason="the evidence does not support the answer", next_model="")
            yield _refused(completed, grounding)
            return
        if grounding is not None:
            attributed = tuple(_attributed(grounding, evidence))
            for citation in attributed:
                yield citation
            completed = _attached(completed, attributed, grounding)
        yield completed

    def _refuses(self, grounding: Grounding | None) -> bool:
        return grounding is None or grounding.share < self._settings.min_share


def _shortcomings(grounding: Grounding | None) -> Iterator[Degradation]:
    if grounding is None:
        yield Degradation(stage=GROUNDING_CHECK.name, reason="failed, and the answer was not judged")
    elif grounding.degradation is not None:
        yield grounding.degradation
    if grounding is not None and grounding.unjudged:
        judged = len(grounding.sentences)
        reason = f"judged the first {judged} of {judged + grounding.unjudged} sentences"
        yield Degradation(stage=GROUNDING_CHECK.name, reason=reason)


def _attributed(grounding: Grounding, evidence: tuple[NumberedPassage, ...]) -> Iterator[Citation]:
    """Citations of the sentences that have none, and a passage that supports them."""
    for each in grounding.sentences:
        if each.supported and not each.sentence.cited and each.support.passage is not None:
            passage = evidence[each.support.passage]
            yield Citation(number=passage.number, passage=passage, range=each.sentence.range, attributed=True)


def _attached(completed: Completed, attributed: tuple[Citation, ...], grounding: Grounding) -> Completed:
    citations = sorted((*completed.answer.citations, *attributed), key=lambda citation: citation.range)
    return replace(completed, answer=replace(completed.answer, citations=tuple(citations)), grounding=grounding)


def _refused(completed: Completed, grounding: Grounding | None) -> Completed:
    return replace(
        completed,
        finish_reason=FinishReason.ABSTAINED,
        abstention=Abstention.LOW_GROUNDING,
        answer=Answer(text="", citations=()),
        grounding=grounding and replace(grounding, sentences=()),
    )

"""From evidence to a checked answer, attempt by attempt. Fallback in mid-stream lives here."""

import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from ragstone_server.catalog.watermark import Watermark
from ragstone_server.pipelines.citations import CitationChecker
from ragstone_server.pipelines.events import Answer, AttemptDiscarded, AttemptStarted, Citation, Completed, Delta
from ragstone_server.spi.errors import RequestError, StageFailed
from ragstone_server.spi.generator import Finished, GenerateRequest, GenerationEvent, TextDelta
from ragstone_server.spi.stages import StreamStage
from ragstone_server.wrappers.fallible import Degradation

logger = logging.getLogger(__name__)

GenerateEvent = AttemptStarted | Delta | Citation | AttemptDiscarded | Degradation | Completed


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One generator that may answer."""

    model: str
    generator: StreamStage[GenerateRequest, GenerationEvent]


class Generate:
    """Asks the generators in their order until one answers."""

    def __init__(self, attempts: tuple[Attempt, ...]) -> None:
        self._attempts = attempts

    async def __call__(self, request: GenerateRequest, watermark: Watermark) -> AsyncGenerator[GenerateEvent, None]:
        """Ends with `Completed`. Raises `StageFailed` where no generator answered.

        Each attempt begins with `AttemptStarted`; where one fails and another follows, its deltas are declared void.
        """
        for attempt, following in zip(self._attempts, (*self._attempts[1:], None), strict=True):
            yield AttemptStarted(model=attempt.model)
            checker = CitationChecker(request.evidence)
            finished: Finished | None = None
            try:
                async with attempt.generator(request) as events:
                    async for event in events:
                        match event:
                            case TextDelta(text=text):
                                for checked in checker.feed(text):
                                    yield checked
                            case Finished():
                                for checked in checker.finish():
                                    yield checked
                                finished = event
                                break
                if finished is None:
                    raise StageFailed("the generator ended without an end", metadata={"stage": "generator"})
            except Exception as error:
                if finished is not None:
                    logger.warning("model %s did not close cleanly", attempt.model, exc_info=error)
                    yield _completed(finished, checker, watermark)
                    return
                if following is None:
                    if isinstance(error, RequestError):
                        raise
                    raise StageFailed("the generator failed", metadata={"stage": "generator"}) from error
                logger.warning("model %s failed: %s", attempt.model, type(error).__name__, exc_info=error)
                yield AttemptDiscarded(reason="the model failed", next_model=following.model)
                yield Degradation(stage="generator", reason=f"failed and was replaced by {following.model}")
            else:
                yield _completed(finished, checker, watermark)
                return


def _completed(event: Finished, checker: CitationChecker, watermark: Watermark) -> Completed:
    return Completed(
        finish_reason=event.finish_reason,
        abstention=event.abstention,
        answer=Answer(text=checker.text, citations=tuple(checker.citations)),
        usage=event.usage,
        invalid_citations=checker.invalid,
        watermark=watermark,
    )

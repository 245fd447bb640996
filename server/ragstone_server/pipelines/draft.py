"""The answer in the making, over all attempts: what was said, by whom, and what is void."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from ragstone_server.catalog.watermark import Watermark
from ragstone_server.pipelines.events import (
    Answer,
    AttemptDiscarded,
    AttemptRecord,
    AttemptStarted,
    Citation,
    Completed,
    Delta,
)
from ragstone_server.pipelines.fitting import Fitted
from ragstone_server.pipelines.json_answer import checker_for
from ragstone_server.routing.deployment import Deployment
from ragstone_server.routing.price import cost_of
from ragstone_server.routing.settings import MidStream
from ragstone_server.spi.errors import DeadlineExceeded
from ragstone_server.spi.generator import (
    PASSED_OVER,
    Abstention,
    Fault,
    Finished,
    FinishReason,
    GenerateRequest,
    GenerationEvent,
    GeneratorFailed,
    TextDelta,
    Usage,
)
from ragstone_server.wrappers.fallible import Degradation

NOTHING = Usage(input_tokens=0, output_tokens=0, estimated=True)


class Draft:
    """Turns what models give into what callers see."""

    def __init__(self, request: GenerateRequest, route: str, why: str = "") -> None:
        self._request = request
        self._route = route
        self._why = why
        self._checker = checker_for(request)
        self._fitted = Fitted(request=request)
        self._in_prompt = 0
        self._speaker: Deployment | None = None
        self._continuing = False
        self._finished: Finished | None = None
        self._records: list[AttemptRecord] = []
        self.spent = Decimal(0)
        """US dollars, on models whose price is known."""

    @property
    def finished(self) -> bool:
        """Whether the answer has come to its end."""
        return self._finished is not None

    @property
    def said(self) -> bool:
        """Whether callers have seen text that is not void."""
        return bool(self._checker.text)

    @property
    def tries(self) -> int:
        """Attempts that failed."""
        return len(self._records)

    def request(self) -> GenerateRequest:
        """What to ask next, whole."""
        return replace(self._request, prefix=self._checker.text) if self._continuing else self._request

    def asks(self, fitted: Fitted) -> None:
        """Note what is asked: only what stands in the prompt may be cited."""
        self._fitted = fitted
        passages = fitted.request.evidence
        self._in_prompt = max(self._in_prompt, len(passages)) if self._continuing else len(passages)
        self._checker.allow(passages)

    def told(
        self, deployment: Deployment, event: GenerationEvent
    ) -> Iterator[Degradation | AttemptStarted | Delta | Citation | AttemptDiscarded]:
        """What the caller sees of an event. Raises `GeneratorFailed` for an end without a word, or in another format."""
        if isinstance(event, Finished) and event.abstention is None and not self._spoken(deployment):
            filtered = event.finish_reason is FinishReason.CONTENT_FILTER
            raise GeneratorFailed(Fault.FILTERED if filtered else Fault.EMPTY, usage=event.usage)
        if self._speaker is not deployment:
            yield from self._start(deployment)
        match event:
            case TextDelta(text=text):
                yield from self._checker.feed(text)
            case Finished():
                if event.abstention is None:
                    yield from self._checker.finish()
                if self._checker.abstains:
                    event = replace(
                        event, finish_reason=FinishReason.ABSTAINED, abstention=Abstention.NO_RELEVANT_CONTENT
                    )
                    if self.said:
                        yield AttemptDiscarded(reason="the model has no answer", next_model="")
                    self._checker = checker_for(self._request)
                self._finished = event
                self._record(deployment, None, event.usage)

    def abstain(self, abstention: Abstention) -> Iterator[AttemptDiscarded]:
        """End without an answer; what was said of one is void."""
        if self.said:
            self._checker = checker_for(self._request)
            yield AttemptDiscarded(reason="a filter of the provider refuses the answer", next_model="")
        self._finished = Finished(finish_reason=FinishReason.ABSTAINED, abstention=abstention, usage=NOTHING)

    def failed(self, deployment: Deployment, error: Exception) -> str:
        """Note an attempt that failed; what was wrong, in a word."""
        usage = NOTHING
        match error:
            case GeneratorFailed():
                fault, usage = error.fault.value, error.usage or NOTHING
            case DeadlineExceeded():
                fault = "out of time"
            case _:
                fault = "failed"
        self._record(deployment, fault, usage)
        return fault

    def hand_over(self, following: Deployment, policy: MidStream) -> Iterator[AttemptDiscarded]:
        """After a failure: go on behind what was said, or declare it void."""
        self._speaker = None
        said, whole = self.said, self._request.sampling.json_schema is not None  # half a JSON is no beginning
        self._continuing = said and not whole and policy is MidStream.CONTINUE and following.prefill
        if self._continuing:
            self._checker.forget_held()
            return
        self._checker = checker_for(self._request)
        if said:
            misformed = self._records[-1].fault == Fault.INVALID_FORMAT
            reason = "the answer is not what its format asks for" if misformed else "the model failed"
            yield AttemptDiscarded(reason=reason, next_model=following.model)

    def completed(self, watermark: Watermark) -> Completed:
        """The end."""
        assert self._finished is not None
        used = [record.usage for record in self._records]
        return Completed(
            finish_reason=self._finished.finish_reason,
            abstention=self._finished.abstention,
            answer=Answer(text=self._checker.text, citations=tuple(self._checker.citations)),
            usage=Usage(
                input_tokens=sum(usage.input_tokens for usage in used),
                output_tokens=sum(usage.output_tokens for usage in used),
                estimated=any(usage.estimated for usage in used),
            ),
            attempts=tuple(self._records),
            prompt_version=self._fitted.request.prompt_version,
            invalid_citations=self._checker.invalid,
            passages_in_prompt=self._in_prompt,
            watermark=watermark,
        )

    def _spoken(self, deployment: Deployment) -> bool:
        return self._continuing or (self._speaker is deployment and (self.said or self._checker.holds))

    def _start(self, deployment: Deployment) -> Iterator[Degradation | AttemptStarted]:
        why = self._why or "the first of the route"
        if former := self._former(deployment):
            why = former
            yield Degradation(stage="generator", reason=f"{former} and was replaced by {deployment.name}")
        elif self._records:
            why = "tried again"
        self._speaker = deployment
        if self._fitted.left_out:
            reason = f"{self._fitted.left_out} did not fit the window of {deployment.model} and were left out"
            yield Degradation(stage="prompt", reason=reason)
        yield AttemptStarted(
            model=deployment.model,
            route=self._route,
            deployment=deployment.name,
            why=why,
            continues=self._continuing,
        )

    def _former(self, deployment: Deployment) -> str:
        """What became of the others before it; empty: there was none."""
        faults = {record.deployment: record.fault for record in self._records if record.deployment != deployment.name}
        failed = [name for name, fault in faults.items() if fault not in PASSED_OVER]
        passed = [f"{name} was passed over ({fault})" for name, fault in faults.items() if fault in PASSED_OVER]
        return ", ".join(([f"{', '.join(failed)} failed"] if failed else []) + passed)

    def _record(self, deployment: Deployment, fault: str | None, usage: Usage) -> None:
        self._records.append(
            AttemptRecord(model=deployment.model, deployment=deployment.name, fault=fault, usage=usage)
        )
        if deployment.price is not None:
            self.spent += cost_of(deployment.price, usage)

"""One model at one provider, watched: what it is, how it does, and what it may still be asked."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace

from ragstone_server.routing.allowance import Allowance
from ragstone_server.routing.breaker import Breaker, BreakerState
from ragstone_server.routing.settings import Price
from ragstone_server.spi.errors import DeadlineExceeded
from ragstone_server.spi.generator import (
    AnswerFormat,
    Fault,
    Finished,
    GenerateRequest,
    GenerationEvent,
    GeneratorFailed,
    TextDelta,
    Usage,
    Window,
)
from ragstone_server.spi.stages import StreamStage
from ragstone_server.spi.token_estimates import estimated_usage, prompt_tokens, tokens_of

INNOCENT = frozenset({Fault.REJECTED, Fault.RATE_LIMITED, Fault.FILTERED, Fault.TOO_LONG, Fault.INVALID_FORMAT})
"""Faults that say nothing about the health of a deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentHealth:
    """How a deployment does, for operators."""

    route: str
    name: str
    model: str
    state: BreakerState
    failures: int
    """In a row."""
    requests: int
    """Since the start."""
    failed: int
    """Of those."""
    last_fault: Fault | None
    faults: Mapping[str, int]
    """How many failed in which way, since the start."""
    input_tokens: int
    """Since the start; estimated where the provider did not tell."""
    output_tokens: int


class Deployment:
    """A `StreamStage[GenerateRequest, GenerationEvent]` that refuses at once what its provider would refuse, or fail at."""

    def __init__(
        self,
        *,
        route: str,
        name: str,
        model: str,
        generator: StreamStage[GenerateRequest, GenerationEvent],
        breaker: Breaker,
        allowance: Allowance,
        weight: float | None = None,
        prefill: bool = False,
        window: Window | None = None,
        price: Price | None = None,
        writes_json: bool = True,
    ) -> None:
        self.route = route
        self.name = name
        self.model = model
        self.weight = weight
        self.prefill = prefill
        self.window = window
        self.price = price
        self.writes_json = writes_json
        self._generator = generator
        self._breaker = breaker
        self._allowance = allowance
        self._requests = 0
        self._failed = 0
        self._last_fault: Fault | None = None
        self._faults: Counter[str] = Counter()
        self._input_tokens = 0
        self._output_tokens = 0

    def can(self, answer_format: AnswerFormat) -> bool:
        """Whether it can be asked for an answer of this format."""
        return self.writes_json or answer_format is not AnswerFormat.JSON

    def wait(self, request: GenerateRequest) -> float:
        """Seconds until it would take the request; 0: now."""
        return max(self._breaker.wait(), self._allowance.wait(_expected(request)))

    def health(self) -> DeploymentHealth:
        """As it is now."""
        return DeploymentHealth(
            route=self.route,
            name=self.name,
            model=self.model,
            state=self._breaker.state,
            failures=self._breaker.failures,
            requests=self._requests,
            failed=self._failed,
            last_fault=self._last_fault,
            faults=dict(self._faults),
            input_tokens=self._input_tokens,
            output_tokens=self._output_tokens,
        )

    def __call__(self, request: GenerateRequest, /) -> AbstractAsyncContextManager[AsyncIterator[GenerationEvent]]:
        """Answer. Raises `GeneratorFailed` as the generator does, or where the deployment is to be left alone at present."""
        return self._open(request)

    @asynccontextmanager
    async def _open(self, request: GenerateRequest) -> AsyncIterator[AsyncIterator[GenerationEvent]]:
        expected = _expected(request)
        wait = self._allowance.wait(expected)
        if wait > 0:
            raise GeneratorFailed(Fault.RATE_LIMITED, f"{self.name} is at its limit", retry_after_s=wait)
        if not self._breaker.enter():
            wait = self._breaker.wait()
            raise GeneratorFailed(Fault.UNAVAILABLE, f"{self.name} failed too often", retry_after_s=wait)
        self._requests += 1
        self._allowance.take(expected)
        watched = _Watched(request)
        try:
            async with self._generator(request) as events:
                yield watched.over(events)
        except GeneratorFailed as error:
            watched.usage = error.usage = error.usage or watched.usage
            self._note(error)
            raise
        except DeadlineExceeded:
            raise  # of the caller, who had little time: nothing is known of the deployment
        except Exception:
            self._failed += 1
            self._faults["unforeseen"] += 1
            self._breaker.failed()
            raise
        finally:
            # Also where the caller went away: what was used is counted.
            self._breaker.left()
            self._settle(expected, watched.usage)
            if watched.finished:
                self._breaker.succeeded()

    def _note(self, error: GeneratorFailed) -> None:
        self._failed += 1
        self._last_fault = error.fault
        self._faults[error.fault.value] += 1
        if error.fault is Fault.RATE_LIMITED or error.retry_after_s is not None:
            self._allowance.pause(error.retry_after_s)
        if error.fault not in INNOCENT:
            self._breaker.failed()

    def _settle(self, expected: int, usage: Usage) -> None:
        self._allowance.settle(expected, usage.input_tokens + usage.output_tokens)
        self._input_tokens += usage.input_tokens
        self._output_tokens += usage.output_tokens


class _Watched:
    """What a stream has consumed until now: an estimate, until its end tells."""

    def __init__(self, request: GenerateRequest) -> None:
        self.usage = estimated_usage(request, 0)
        self.finished = False
        self._characters = 0

    async def over(self, events: AsyncIterator[GenerationEvent]) -> AsyncIterator[GenerationEvent]:
        async for event in events:
            match event:
                case Finished():
                    self.usage, self.finished = event.usage, True
                case TextDelta():
                    self._characters += len(event.text)
                    self.usage = replace(self.usage, output_tokens=tokens_of(self._characters))
            yield event


def _expected(request: GenerateRequest) -> int:
    """Tokens that the request takes at most, roughly."""
    return prompt_tokens(request) + request.max_output_tokens

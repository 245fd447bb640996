"""The generator stage over litellm."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any

from ragstone_plugins.litellm_provider.asking import completion, seconds_for
from ragstone_plugins.litellm_provider.backend import Backend, close
from ragstone_plugins.litellm_provider.faults import Failure, ProviderFailed, named
from ragstone_plugins.litellm_provider.settings import LitellmGeneratorSettings
from ragstone_plugins.litellm_provider.stream import events
from ragstone_server.spi.chat_completions import nothing_to_say
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import DeadlineExceeded, RagstoneError
from ragstone_server.spi.generator import (
    Fault,
    GenerateRequest,
    GenerationEvent,
    GeneratorFailed,
    Usage,
    Window,
)

NOTHING_USED = Usage(input_tokens=0, output_tokens=0, estimated=True)
_REFUSED = frozenset(
    {Fault.UNREACHABLE, Fault.UNAVAILABLE, Fault.RATE_LIMITED, Fault.UNAUTHORIZED, Fault.REJECTED, Fault.FILTERED}
)
"""Where nothing was answered, nothing is to be paid."""


class LitellmGenerator:
    """Fits `spi.generator.Generator`: one request at one provider, without retries."""

    def __init__(
        self, settings: LitellmGeneratorSettings, backend: Backend, clock: Clock, window: Window | None = None
    ) -> None:
        self._settings = settings
        self._backend = backend
        self._clock = clock
        self.model = settings.model
        self.window = window
        self.metered = True
        self.writes_json = settings.writes_json

    def __call__(self, request: GenerateRequest, /) -> AbstractAsyncContextManager[AsyncIterator[GenerationEvent]]:
        """Answer one question."""
        return self._open(request)

    @asynccontextmanager
    async def _open(self, request: GenerateRequest) -> AsyncIterator[AsyncIterator[GenerationEvent]]:
        if not request.evidence:
            async with aclosing(nothing_to_say()) as nothing:
                yield nothing
            return
        asked = completion(self._settings, self._backend.provider, request)
        timeout = seconds_for(self._settings, request.context, self._clock)
        try:
            with named(self._clock):
                stream = await self._backend.complete(**asked, timeout=timeout)
        except ProviderFailed as error:
            raise self._raised(error.failure, request, NOTHING_USED) from None
        try:
            async with aclosing(self._read(stream, request)) as answer:
                yield answer
        finally:
            await close(stream)

    async def _read(self, stream: Any, request: GenerateRequest) -> AsyncGenerator[GenerationEvent, None]:
        try:
            with named(self._clock, begun=True):
                async with aclosing(events(stream, request)) as answer:
                    async for event in answer:
                        yield event
        except ProviderFailed as error:
            raise self._raised(error.failure, request) from None

    def _raised(self, failed: Failure, request: GenerateRequest, used: Usage | None = None) -> RagstoneError:
        deadline = request.context.deadline
        if failed.fault is Fault.STALLED and deadline is not None and self._clock.monotonic() >= deadline:
            return DeadlineExceeded()  # the caller had little time: nothing is known of the provider
        return GeneratorFailed(
            failed.fault,
            f"{self.model}: {failed.message}",
            retry_after_s=failed.retry_after_s,
            usage=used if failed.fault in _REFUSED else None,
        )

"""The generator: one request to the provider, its events as they come."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress

import httpx2

from ragstone_plugins.openai_compatible.body import body_of
from ragstone_plugins.openai_compatible.chunks import Chunk, decoded, read
from ragstone_plugins.openai_compatible.faults import malformed, named, refused, reported
from ragstone_plugins.openai_compatible.said import Said
from ragstone_plugins.openai_compatible.settings import OpenAICompatibleSettings
from ragstone_plugins.openai_compatible.sse import EventReader, EventTooLong
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.generator import (
    Abstention,
    Finished,
    FinishReason,
    GenerateRequest,
    GenerationEvent,
    GeneratorFailed,
    TextDelta,
    Usage,
)

SILENCE_S = 120.0
"""Without a byte for so long, a provider has stalled, where nothing else times it: routes do, and earlier."""
_USAGE_WAIT_S = 1.0
_CLOSE_WAIT_S = 0.05
_MOST_ERROR_BYTES = 16_384
_EVENTS = "text/event-stream"


class OpenAICompatibleGenerator:
    """A `Generator` over chat completions. The connection of an answer that is left early is closed before the context is."""

    def __init__(self, settings: OpenAICompatibleSettings, transport: httpx2.AsyncBaseTransport, clock: Clock) -> None:
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._url = httpx2.URL(f"{settings.url}/chat/completions")
        key = settings.api_key.get_secret_value() if settings.api_key else ""
        own = {name: value.get_secret_value() for name, value in settings.headers.items()}
        self._headers = httpx2.Headers(
            {
                "Content-Type": "application/json",
                "Accept": _EVENTS,
                "Accept-Encoding": "identity",
                "User-Agent": "ragstone",
                **({"Authorization": f"Bearer {key}"} if key else {}),
                **own,
            }
        )
        connect = settings.connect_seconds
        timeouts = httpx2.Timeout(connect=connect, pool=connect, read=SILENCE_S, write=SILENCE_S)
        self._extensions = {"timeout": timeouts.as_dict()}

    @property
    def model(self) -> str:
        """What answers, as the stream names it."""
        return self._settings.model

    def __call__(self, request: GenerateRequest, /) -> AbstractAsyncContextManager[AsyncIterator[GenerationEvent]]:
        """Answer one question."""
        return self._stream(request)

    @asynccontextmanager
    async def _stream(self, request: GenerateRequest) -> AsyncIterator[AsyncIterator[GenerationEvent]]:
        if not request.evidence:
            async with aclosing(_nothing_to_say()) as events:
                yield events
            return
        response = await self._post(body_of(self._settings, request))
        try:
            async with aclosing(_events(request, response)) as events:
                yield events
        finally:
            await _close(response)

    async def _post(self, body: bytes) -> httpx2.Response:
        """A response whose events may be read. Raises `GeneratorFailed`."""
        # A transport wants the extensions of each request for itself: it writes into them.
        extensions = dict(self._extensions)
        request = httpx2.Request("POST", self._url, headers=self._headers, content=body, extensions=extensions)
        with named():
            response = await self._transport.handle_async_request(request)
        headers = response.headers
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if response.status_code == 200 and kind == _EVENTS and "content-encoding" not in headers:
            return response
        try:
            error = (await _json(response)).get("error") if kind == "application/json" else None
            if response.status_code != 200:
                raise refused(response.status_code, error, headers.get("retry-after"), self._clock.now())
            if error:
                raise reported(error)
            raise malformed("the provider sent no stream of events")
        finally:
            await _close(response)


async def _events(request: GenerateRequest, response: httpx2.Response) -> AsyncGenerator[GenerationEvent, None]:
    said = Said(request)
    try:
        async with aclosing(_chunks(response)) as chunks:
            async for chunk in chunks:
                if text := said.take(chunk):
                    yield TextDelta(text=text)
                if said.ended:
                    await _settle(chunks, said)
                    break
        yield said.end()
    except GeneratorFailed as error:
        error.usage = error.usage or said.usage
        raise


async def _settle(chunks: AsyncIterator[Chunk], said: Said) -> None:
    """Wait a little for the usage, then for the end of the body, with which the connection can serve again.

    The answer is whole: what goes wrong now does not void it.
    """
    with suppress(TimeoutError, GeneratorFailed):
        async with asyncio.timeout(_CLOSE_WAIT_S if said.complete else _USAGE_WAIT_S) as timeout:
            async for chunk in chunks:
                said.take(chunk._replace(text=""))
                if said.complete:
                    timeout.reschedule(asyncio.get_running_loop().time() + _CLOSE_WAIT_S)


async def _chunks(response: httpx2.Response) -> AsyncGenerator[Chunk, None]:
    reader = EventReader()
    with named():
        async with aclosing(response.aiter_raw()) as pieces:
            async for piece in pieces:
                try:
                    events = reader.feed(piece)
                except EventTooLong:
                    raise malformed("an event of the stream is too long") from None
                for event in events:
                    yield read(event)


async def _json(response: httpx2.Response) -> dict[str, object]:
    """A short body that comes soon, or an empty object."""
    body = bytearray()
    with suppress(GeneratorFailed, TimeoutError), named():
        async with asyncio.timeout(_USAGE_WAIT_S), aclosing(response.aiter_raw()) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > _MOST_ERROR_BYTES:
                    break
        return decoded(bytes(body))
    return {}


async def _close(response: httpx2.Response) -> None:
    """Close the connection, unless the body was read to its end; also where this task is cancelled once more."""
    if not response.is_closed:
        await asyncio.shield(asyncio.ensure_future(response.aclose()))


async def _nothing_to_say() -> AsyncGenerator[GenerationEvent, None]:
    yield Finished(
        finish_reason=FinishReason.ABSTAINED,
        abstention=Abstention.NO_RELEVANT_CONTENT,
        usage=Usage(input_tokens=0, output_tokens=0, estimated=False),
    )

"""The generator: one request to the provider, its events as they come."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress

import aiohttp

from ragstone_plugins.openai_compatible.body import body_of
from ragstone_plugins.openai_compatible.chunks import decoded, read
from ragstone_plugins.openai_compatible.faults import malformed, named, refused, reported
from ragstone_plugins.openai_compatible.said import Said
from ragstone_plugins.openai_compatible.settings import OpenAICompatibleSettings
from ragstone_plugins.openai_compatible.sse import EventReader, EventTooLong, ServerSentEvent
from ragstone_server.spi.chat_completions import nothing_to_say
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.generator import (
    GenerateRequest,
    GenerationEvent,
    GeneratorFailed,
    TextDelta,
    Window,
)

SILENCE_S = 120.0
"""Without a byte for so long, a provider has stalled, where nothing else times it: routes do, and earlier."""
_USAGE_WAIT_S = 1.0
_CLOSE_WAIT_S = 0.05
_MOST_ERROR_BYTES = 16_384
_EVENTS = "text/event-stream"


def open_session(settings: OpenAICompatibleSettings) -> aiohttp.ClientSession:
    """A pool of connections to one provider; nothing is sent before the first question.

    It keeps no cookie, and documents go to the configured host alone: no redirect, no proxy of the environment.
    """
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    headers = {
        "Content-Type": "application/json",
        "Accept": _EVENTS,
        "Accept-Encoding": "identity",
        "User-Agent": "ragstone",
        **({"Authorization": f"Bearer {key}"} if key else {}),
        **{name: value.get_secret_value() for name, value in settings.headers.items()},
    }
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=settings.max_connections),
        timeout=aiohttp.ClientTimeout(total=None, connect=settings.connect_seconds, sock_read=SILENCE_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=headers,
        auto_decompress=False,
        trust_env=False,
    )


class OpenAICompatibleGenerator:
    """A `Generator` over chat completions. The connection of an answer that is left early is closed before the context is."""

    def __init__(
        self,
        settings: OpenAICompatibleSettings,
        session: aiohttp.ClientSession,
        clock: Clock,
        window: Window | None = None,
    ) -> None:
        self._settings = settings
        self._session = session
        self._clock = clock
        self._window = window
        self._url = f"{settings.url}/chat/completions"

    @property
    def model(self) -> str:
        """What answers, as the stream names it."""
        return self._settings.model

    @property
    def window(self) -> Window | None:
        """As configured."""
        return self._window

    @property
    def metered(self) -> bool:
        """The provider may ask money."""
        return True

    @property
    def writes_json(self) -> bool:
        """As configured."""
        return self._settings.writes_json

    def __call__(self, request: GenerateRequest, /) -> AbstractAsyncContextManager[AsyncIterator[GenerationEvent]]:
        """Answer one question."""
        return self._stream(request)

    @asynccontextmanager
    async def _stream(self, request: GenerateRequest) -> AsyncIterator[AsyncIterator[GenerationEvent]]:
        if not request.evidence:
            async with aclosing(nothing_to_say()) as events:
                yield events
            return
        response = await self._post(body_of(self._settings, request))
        try:
            async with aclosing(_events(request, response)) as events:
                yield events
        finally:
            _close(response)

    async def _post(self, body: bytes) -> aiohttp.ClientResponse:
        """A response whose events may be read. Raises `GeneratorFailed`."""
        with named():
            response = await self._session.post(self._url, data=body, allow_redirects=False)
        headers = response.headers
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if response.status == 200 and kind == _EVENTS and "content-encoding" not in headers:
            return response
        try:
            error = (await _json(response)).get("error") if kind == "application/json" else None
            if response.status != 200:
                raise refused(response.status, error, headers.get("retry-after"), self._clock.now())
            if error:
                raise reported(error)
            raise malformed("the provider sent no stream of events")
        finally:
            _close(response)


async def _events(request: GenerateRequest, response: aiohttp.ClientResponse) -> AsyncGenerator[GenerationEvent, None]:
    said = Said(request)
    try:
        async with aclosing(_arrivals(response)) as arrivals:
            async for events in arrivals:
                text, failure = _taken(events, said)
                if text:
                    yield TextDelta(text=text)
                if failure is not None:
                    raise failure
                if said.ended:
                    await _settle(arrivals, said)
                    break
        yield said.end()
    except GeneratorFailed as error:
        error.usage = error.usage or said.usage
        raise


def _taken(events: Sequence[ServerSentEvent], said: Said) -> tuple[str, GeneratorFailed | None]:
    """The text of events that came together, as one: it costs a tenth of as many deltas, and nothing is delayed by it."""
    texts = []
    try:
        for event in events:
            chunk = read(event)
            texts.append(said.take(chunk._replace(text="") if said.ended else chunk))
    except GeneratorFailed as error:
        return "".join(texts), None if said.ended else error
    return "".join(texts), None


async def _settle(arrivals: AsyncIterator[Sequence[ServerSentEvent]], said: Said) -> None:
    """Wait a little for the usage, then for the end of the body, with which the connection can serve again.

    The answer is whole: what goes wrong now does not void it.
    """
    with suppress(TimeoutError, GeneratorFailed):
        async with asyncio.timeout(_CLOSE_WAIT_S if said.complete else _USAGE_WAIT_S) as timeout:
            async for events in arrivals:
                _taken(events, said)
                if said.complete:
                    timeout.reschedule(asyncio.get_running_loop().time() + _CLOSE_WAIT_S)


async def _arrivals(response: aiohttp.ClientResponse) -> AsyncGenerator[Sequence[ServerSentEvent], None]:
    """The events, those together that came together."""
    reader = EventReader()
    while True:
        with named():
            piece = await response.content.readany()
        if not piece:
            return
        try:
            events = reader.feed(piece)
        except EventTooLong:
            raise malformed("an event of the stream is too long") from None
        if events:
            yield events


async def _json(response: aiohttp.ClientResponse) -> dict[str, object]:
    """A short body that comes soon, or an empty object."""
    body = b""
    with suppress(GeneratorFailed, TimeoutError):
        async with asyncio.timeout(_USAGE_WAIT_S):
            while len(body) <= _MOST_ERROR_BYTES:
                with named():
                    piece = await response.content.readany()
                if not piece:
                    return decoded(body)
                body += piece
    return {}


def _close(response: aiohttp.ClientResponse) -> None:
    """Close the connection at once, unless the body was read to its end and the pool has it back."""
    if (connection := response.connection) is not None and connection.transport is not None:
        connection.transport.abort()  # a mere close would first send what is left of the request
    response.close()

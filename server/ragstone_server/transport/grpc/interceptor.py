"""What every call of our services passes: a request id, a place, validation, the status map.

The messages of a request stream are validated where they are put together, so that a bad one need not end the stream.
The iteration of a stream is wrapped, not the call that makes it: its errors come while it is iterated.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Self, TypeAlias

import grpc
from grpc import aio

from ragstone_server.observe.logs import request_id
from ragstone_server.spi.errors import DeadlineExceeded, Overloaded, RequestError, ShuttingDown
from ragstone_server.transport.convert.validation import validate
from ragstone_server.transport.grpc.decoding import Received, decoded, decoding, each_decoded
from ragstone_server.transport.grpc.drain import Drain
from ragstone_server.transport.grpc.settings import GrpcSettings
from ragstone_server.transport.grpc.status import DETAILS_KEY, to_request_error, to_status

logger = logging.getLogger(__name__)

OURS = ("/ragstone.", "/google.longrunning.")
REQUEST_ID_KEY = "x-request-id"
RETRY_AFTER_S = 0.2
PUSHBACK = ("grpc-retry-pushback-ms", "1000")
"""To callers that a server refuses because it ends: their next try comes after its end, and may find the next server."""
QUIET_S = 0.1
LOUD_S = 1.0

Context = aio.ServicerContext[Any, Any]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behaviour = Callable[..., Any]
"""A servicer's method; its shape follows from the handler that has it."""


class CallInterceptor(aio.ServerInterceptor):
    """Wraps every method of `ragstone.*` and of long-running operations; health and reflection pass as they are."""

    def __init__(self, settings: GrpcSettings, drain: Drain) -> None:
        self._settings = settings
        self.draining = drain
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._last = -QUIET_S  # when a call came or went, on the loop's clock

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["Handler | None"]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Replace the method's behaviour by the wrapped one, of the same shape."""
        handler = await continuation(handler_call_details)
        if handler is None or not handler_call_details.method.startswith(OURS):
            return handler
        codec = {
            "request_deserializer": decoding(handler.request_deserializer),
            "response_serializer": handler.response_serializer,
        }
        if handler.response_streaming:
            if handler.request_streaming:
                return grpc.stream_stream_rpc_method_handler(self._stream(handler.stream_stream), **codec)
            return grpc.unary_stream_rpc_method_handler(self._stream(handler.unary_stream), **codec)
        return grpc.unary_unary_rpc_method_handler(self._unary(handler.unary_unary), **codec)

    def _unary(self, behaviour: Behaviour | None) -> Behaviour:
        assert behaviour is not None

        async def call(request: Received, context: Context) -> Any:
            async with _Call(self, context):
                message = decoded(request)
                validate(message)
                return await behaviour(message, context)

        return call

    def _stream(self, behaviour: Behaviour | None) -> Behaviour:
        assert behaviour is not None

        async def call(request: Received | AsyncIterator[Received], context: Context) -> None:
            async with _Call(self, context):
                asked: Any
                if isinstance(request, Received):
                    asked = decoded(request)
                    validate(asked)
                else:
                    asked = each_decoded(request)
                async with aclosing(behaviour(asked, context)) as responses:
                    async for response in responses:
                        await self._write(context, response)

        return call

    async def _write(self, context: Context, response: Any) -> None:
        """Write one message. A reader that takes nothing for too long is given up, so that it holds no place for ever."""
        try:
            async with asyncio.timeout(self._settings.stalled_reader_seconds):
                await context.write(response)
        except TimeoutError as error:
            raise DeadlineExceeded("the caller did not read its stream", metadata={"stage": "stream"}) from error

    def enter(self) -> None:
        """Take a place. Raises `ShuttingDown`, `Overloaded`."""
        self._last = asyncio.get_running_loop().time()
        if self.draining.begun:
            raise ShuttingDown
        if self._in_flight >= self._settings.max_requests:
            raise Overloaded("too many requests are in flight; try again", retry_after_s=RETRY_AFTER_S)
        self._in_flight += 1
        self._idle.clear()

    def leave(self) -> None:
        """Give the place back."""
        self._last = asyncio.get_running_loop().time()
        self._in_flight -= 1
        if not self._in_flight:
            self._idle.set()

    async def drain(self, seconds: float) -> None:
        """Refuse new calls; return when those in flight have ended, or after so long."""
        self.draining.begin()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            logger.warning("%d calls did not end in time and are cut off", self._in_flight)
        await self._quiet()

    async def _quiet(self) -> None:
        """Return when no call has come or gone for a while: those that gRPC has not handed out when it stops end as cancelled."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LOUD_S
        while (left := min(self._last + QUIET_S, until) - loop.time()) > 0:  # noqa: ASYNC110 - no event says "none comes"
            await asyncio.sleep(left)


class _Call:
    """One call in flight: holds its place, and turns what it raises into a status."""

    def __init__(self, interceptor: CallInterceptor, context: Context) -> None:
        self._interceptor = interceptor
        self._context = context
        self._id = _request_id(context)
        self._placed = False

    async def __aenter__(self) -> Self:
        request_id.set(self._id)
        try:
            self._interceptor.enter()
        except RequestError as refusal:
            await self._abort(refusal)
        self._placed = True
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # The place is given back first: a caller that reads nothing does not take its status either.
        if self._placed:
            self._interceptor.leave()
        if isinstance(error, Exception) and not isinstance(error, aio.AbortError):
            if not isinstance(error, RequestError):
                logger.error("a request failed", exc_info=error)
            else:
                logger.info("a request was refused: %s", error.reason)
            await self._abort(to_request_error(error))

    async def _abort(self, error: RequestError) -> None:
        status = to_status(error, self._id)
        code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
        details = (DETAILS_KEY, status.SerializeToString())
        trailers = (details, PUSHBACK) if isinstance(error, ShuttingDown) else (details,)
        try:
            await self._context.abort(code, status.message, trailers)
        except aio.AbortError:
            raise
        except Exception as gone:
            # The caller left meanwhile: nobody reads the status, and gRPC ends such a call as cancelled.
            logger.debug("the caller was gone before its status could be sent")
            raise asyncio.CancelledError from gone


def _request_id(context: Context) -> str:
    """The caller's own id where it sent one, so that its logs and ours meet."""
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID_KEY and isinstance(value, str) and 0 < len(value) <= 128 and value.isprintable():
            return value
    return uuid.uuid4().hex

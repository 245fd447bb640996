"""What every call of our services passes: a request id, a place, validation, the status map.

The iteration of a stream is wrapped, not the call that makes it: its errors come while it is iterated.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Self, TypeAlias

import grpc
from google.protobuf.message import Message
from grpc import aio

from ragstone_server.observe.logs import request_id
from ragstone_server.spi.errors import DeadlineExceeded, Overloaded, RequestError
from ragstone_server.transport.grpc.settings import GrpcSettings
from ragstone_server.transport.grpc.status import DETAILS_KEY, to_request_error, to_status
from ragstone_server.transport.grpc.validation import validate

logger = logging.getLogger(__name__)

OURS = "/ragstone."
REQUEST_ID_KEY = "x-request-id"
RETRY_AFTER_S = 0.2

Context = aio.ServicerContext[Any, Any]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behaviour = Callable[..., Any]
"""A servicer's method; its shape follows from the handler that has it."""


class CallInterceptor(aio.ServerInterceptor):
    """Wraps every method of `ragstone.*`; health and reflection pass as they are."""

    def __init__(self, settings: GrpcSettings) -> None:
        self._settings = settings
        self.in_flight = 0

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
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.response_streaming:
            if handler.request_streaming:
                return grpc.stream_stream_rpc_method_handler(self._stream(handler.stream_stream), **codec)
            return grpc.unary_stream_rpc_method_handler(self._stream(handler.unary_stream), **codec)
        return grpc.unary_unary_rpc_method_handler(self._unary(handler.unary_unary), **codec)

    def _unary(self, behaviour: Behaviour | None) -> Behaviour:
        assert behaviour is not None

        async def call(request: Message, context: Context) -> Any:
            async with _Call(self, context) as entered:
                validate(request)
                entered.response = await behaviour(request, context)
            return entered.response

        return call

    def _stream(self, behaviour: Behaviour | None) -> Behaviour:
        assert behaviour is not None

        async def call(request: Message | AsyncIterator[Message], context: Context) -> None:
            async with _Call(self, context):
                if isinstance(request, Message):
                    validate(request)
                else:
                    request = _validated(request)
                async with aclosing(behaviour(request, context)) as responses:
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

    @property
    def limit(self) -> int:
        """Most calls in flight."""
        return self._settings.max_requests


class _Call:
    """One call in flight: holds its place, and turns what it raises into a status."""

    def __init__(self, interceptor: CallInterceptor, context: Context) -> None:
        self._interceptor = interceptor
        self._context = context
        self._id = _request_id(context)
        self._placed = False
        self.response: Any = None

    async def __aenter__(self) -> Self:
        request_id.set(self._id)
        if self._interceptor.in_flight >= self._interceptor.limit:
            await self._abort(Overloaded("too many requests are in flight; try again", retry_after_s=RETRY_AFTER_S))
        self._interceptor.in_flight += 1
        self._placed = True
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._placed:
            self._interceptor.in_flight -= 1
        if isinstance(error, Exception) and not isinstance(error, aio.AbortError):
            if not isinstance(error, RequestError):
                logger.error("a request failed", exc_info=error)
            else:
                logger.info("a request was refused: %s", error.reason)
            await self._abort(to_request_error(error))

    async def _abort(self, error: RequestError) -> None:
        status = to_status(error, self._id)
        code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
        try:
            await self._context.abort(code, status.message, ((DETAILS_KEY, status.SerializeToString()),))
        except aio.AbortError:
            raise
        except Exception as gone:
            # The caller left meanwhile: nobody reads the status, and gRPC ends such a call as cancelled.
            logger.debug("the caller was gone before its status could be sent")
            raise asyncio.CancelledError from gone


async def _validated(requests: AsyncIterator[Message]) -> AsyncIterator[Message]:
    async for request in requests:
        validate(request)
        yield request


def _request_id(context: Context) -> str:
    """The caller's own id where it sent one, so that its logs and ours meet."""
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID_KEY and isinstance(value, str) and 0 < len(value) <= 128 and value.isprintable():
            return value
    return uuid.uuid4().hex

"""A server that only says when to try again, while the real one is closed for an instant."""

import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from grpc import aio

from ragstone_server.spi.errors import RequestError
from ragstone_server.transport.grpc.interceptor import PUSHBACK
from ragstone_server.transport.grpc.status import DETAILS_KEY, to_status

logger = logging.getLogger(__name__)


class _Refusal(grpc.GenericRpcHandler):
    """Any method, of any shape."""

    def __init__(self, error: RequestError) -> None:
        self._error = error

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any]":
        """The method."""
        return grpc.stream_stream_rpc_method_handler(self._refuse)

    async def _refuse(self, requests: object, context: aio.ServicerContext[Any, Any]) -> None:
        status = to_status(self._error, uuid.uuid4().hex)
        code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
        await context.abort(code, status.message, ((DETAILS_KEY, status.SerializeToString()), PUSHBACK))


@asynccontextmanager
async def refusing(address: str, error: RequestError) -> AsyncIterator[None]:
    """Refuse every call with the error as long as the context is open."""
    server = aio.server(handlers=(_Refusal(error),), options=(("grpc.so_reuseport", 0),))
    try:
        server.add_insecure_port(address)
    except RuntimeError:
        # Callers find nobody instead, and try again all the same.
        logger.warning("%s cannot be listened on while the server is closed", address)
        yield
        return
    await server.start()
    try:
        yield
    finally:
        await server.stop(0)

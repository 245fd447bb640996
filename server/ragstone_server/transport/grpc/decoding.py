"""Bytes that are no message of the method become an error of ours, where gRPC would tell the text of a library."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from google.protobuf.message import DecodeError, Message

from ragstone_server.spi.errors import InvalidRequest


class Undecodable:
    """Stands for such bytes until the call is entered, where its errors are told."""


Received = Message | Undecodable


def decoding(deserializer: Callable[[bytes], Any] | None) -> Callable[[bytes], Any]:
    """The deserializer, with `Undecodable` in place of its error."""
    assert deserializer is not None

    def decode(data: bytes) -> Any:
        try:
            return deserializer(data)
        except DecodeError:
            return Undecodable()

    return decode


def decoded(request: Received) -> Message:
    """The message. Raises `InvalidRequest`."""
    if isinstance(request, Undecodable):
        raise InvalidRequest("the bytes are not a message of this method; is the caller built from the same contract?")
    return request


async def each_decoded(requests: AsyncIterator[Received]) -> AsyncIterator[Message]:
    """The messages of a stream; likewise."""
    async for request in requests:
        yield decoded(request)

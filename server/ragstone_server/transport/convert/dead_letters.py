"""Dead letters, for operators."""

from ragstone.v1 import admin_service_pb2
from ragstone_server.spi.sources import DeadLetter, DeadLetterSummary
from ragstone_server.transport.convert.metadata import timestamp

VALUE_BYTES = 1024 * 1024
"""Of a value, where the caller does not say how much."""
MESSAGE_CHARACTERS = 4096
_SLACK = 4096
"""For what surrounds the bytes in a message."""
_HEADER_SLACK = 16


def summary_to(summary: DeadLetterSummary) -> admin_service_pb2.DeadLetter:
    """A letter without its event."""
    return admin_service_pb2.DeadLetter(
        id=summary.id,
        source=summary.source,
        offset=summary.offset,
        reason=summary.reason,
        message=_cut(summary.message),
        event_time=timestamp(summary.event_time),
        fail_time=timestamp(summary.failed),
        published=summary.published,
        collection=summary.bound,
        value_size=summary.size,
    )


def letter_to(letter: DeadLetter, value_offset: int, value_bytes: int, room: int) -> admin_service_pb2.DeadLetter:
    """A letter with as much of its event as is asked for and fits a message of `room` bytes.

    A quarter of the room is the key's, and one the headers'; the value has what they leave.
    """
    event = letter.letter
    wire = summary_to(letter.summary)
    share = (room - wire.ByteSize() - _SLACK) // 4
    if event.key is not None:
        wire.key = event.key[:share]
        wire.key_truncated = len(event.key) > share
    taken = 0
    for key, value in event.headers:
        taken += len(key.encode()) + len(value) + _HEADER_SLACK
        if taken > share:
            wire.headers_truncated = True
            break
        wire.headers.add(key=key, value=value)
    if event.value is not None:
        left = room - wire.ByteSize() - _SLACK
        end = value_offset + min(value_bytes or VALUE_BYTES, left)
        wire.value = event.value[value_offset:end]
        wire.value_truncated = len(event.value) > end
    return wire


def _cut(text: str) -> str:
    return text if len(text) <= MESSAGE_CHARACTERS else f"{text[: MESSAGE_CHARACTERS - 1]}…"

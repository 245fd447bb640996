"""Server-sent events, from bytes as they come.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import re
from typing import NamedTuple

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class ServerSentEvent(NamedTuple):
    """One event. Its data is not decoded yet, for JSON is read from bytes."""

    name: str
    data: bytes


class EventTooLong(ValueError):
    """An event is longer than the limit."""


class EventReader:
    """Takes the bytes of a stream in pieces of any size. What has no empty line behind it at the end is no event."""

    def __init__(self, most_bytes: int = 1 << 20) -> None:
        self._most = most_bytes
        self._size = 0
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._name = ""
        self._began = False
        self._after_cr = False

    def feed(self, piece: bytes) -> list[ServerSentEvent]:
        """Events that this piece completes. Raises `EventTooLong`."""
        if self._after_cr and piece:
            self._after_cr = False
            # A line ends at its CR at once; where an LF follows, it belongs to the same end.
            piece = piece[1:] if piece[:1] == b"\n" else piece
        if not piece:
            return []
        self._after_cr = piece[-1:] == b"\r"
        first, *lines = _LINE_END.split(piece)
        self._line.append(first)
        self._count(first)
        events: list[ServerSentEvent] = []
        for line in lines:
            self._end_line(events)
            self._line.append(line)
            self._count(line)
        return events

    def _count(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._most:
            raise EventTooLong

    def _end_line(self, events: list[ServerSentEvent]) -> None:
        line = b"".join(self._line)
        self._line.clear()
        if not self._began:
            self._began = True
            line = line.removeprefix(_BOM)
        if not line:
            if self._data:
                events.append(ServerSentEvent(self._name or "message", b"\n".join(self._data)))
            self._data, self._name, self._size = [], "", 0
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        else:
            # A comment, `id`, `retry` or an unknown field leaves nothing behind, and counts no longer.
            self._size -= len(line)
            if field == b"event":
                self._name = value.decode("utf-8", "replace")

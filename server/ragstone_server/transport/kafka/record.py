"""A record of a topic, as it came."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ragstone_server.transport.convert.events import LATEST_MS

_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_OVERHEAD = 512
"""Bytes of memory of a record beside what it carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int
    """Since 1970; negative: it has none."""

    @property
    def size(self) -> int:
        """Bytes that it holds, about."""
        headers = sum(len(name) + len(value) for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers + _OVERHEAD

    @property
    def time(self) -> datetime:
        """When it was made, or arrived at the broker, as the topic has it."""
        return _BEGIN + timedelta(milliseconds=min(max(0, self.timestamp_ms), LATEST_MS))

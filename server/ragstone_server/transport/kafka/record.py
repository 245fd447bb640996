"""A record of a topic, and how far it has come."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ragstone_server.catalog.applying import Step

_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_OVERHEAD = 512
"""Bytes of memory of a record beside what it carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record as it came."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int

    @property
    def size(self) -> int:
        """Bytes that it holds, about."""
        return len(self.key or b"") + len(self.value or b"") + sum(len(v) for _, v in self.headers) + _OVERHEAD

    @property
    def time(self) -> datetime:
        """When it was made, or arrived at the broker, as the topic has it."""
        return _BEGIN + timedelta(milliseconds=max(0, self.timestamp_ms))


@dataclass(slots=True)
class Held:
    """A record that is worked on."""

    record: Record
    step: asyncio.Task[Step] | None = None
    """What to do about it; None: not begun."""
    failures: int = 0
    """How often the transaction failed in a way that nobody knows, with this record alone in it."""

"""The figures of sources and dead letters: docs/metrics.md."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from ragstone_server.observe.metrics import Instrument, InstrumentKind, Value
from ragstone_server.spi.errors import RagstoneError
from ragstone_server.spi.sources import SourceName, SourceState, SourceStatus

COUNT_S = 5.0
"""Longest time for counting dead letters; after it this export has no such figure."""
_STATES = {state: number for number, state in enumerate(SourceState)}


def source_instruments(status: Callable[[], Sequence[SourceStatus]]) -> tuple[Instrument, ...]:
    """How far each source is applied. What is not known yet has no figure."""

    def gauge(name: str, unit: str, description: str, of: Callable[[SourceStatus], float | None]) -> Instrument:
        def read() -> Iterable[Value]:
            return [
                Value(value=value, attributes={"ragstone.source": each.name})
                for each in status()
                if (value := of(each)) is not None
            ]

        return Instrument(name=name, kind=InstrumentKind.GAUGE, unit=unit, description=description, read=read)

    return (
        gauge("ragstone.source.lag", "{event}", "Events of the log that are not applied yet.", lambda each: each.lag),
        gauge(
            "ragstone.source.applied_until",
            "s",
            "Time of the last event that was applied, in seconds since 1970.",
            lambda each: None if each.applied_until is None else each.applied_until.timestamp(),
        ),
        gauge("ragstone.source.pending", "{event}", "Events that are being worked on.", lambda each: each.pending),
        gauge(
            "ragstone.source.state",
            "1",
            "What the reader does: 0 starting, 1 running, 2 waiting, 3 paused, 4 stopped.",
            lambda each: _STATES[each.state],
        ),
    )


def event_instrument(events: Callable[[], Mapping[SourceName, Mapping[str, int]]]) -> Instrument:
    """What became of the events of each source since the start."""

    def read() -> Iterable[Value]:
        return [
            Value(value=number, attributes={"ragstone.source": source, "ragstone.outcome": outcome})
            for source, outcomes in events().items()
            for outcome, number in outcomes.items()
        ]

    return Instrument(
        name="ragstone.source.events",
        kind=InstrumentKind.COUNTER,
        unit="{event}",
        description="Events that were applied since the start, by what became of them.",
        read=read,
    )


def dead_letter_instrument(
    count: Callable[[], Coroutine[Any, Any, int]], loop: asyncio.AbstractEventLoop
) -> Instrument:
    """How many dead letters the catalog has. It is asked on its loop, which therefore cannot be where the figure is read."""

    def read() -> Iterable[Value]:
        if loop.is_closed():
            return ()
        asked = asyncio.run_coroutine_threadsafe(count(), loop)
        try:
            return (Value(value=asked.result(COUNT_S), attributes={}),)
        except (TimeoutError, RagstoneError):
            asked.cancel()
            return ()

    return Instrument(
        name="ragstone.dead_letters",
        kind=InstrumentKind.GAUGE,
        unit="{event}",
        description="Events in the catalog that could not be applied.",
        read=read,
    )

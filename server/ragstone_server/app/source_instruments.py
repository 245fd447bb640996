"""The figures of the sources of documents: docs/metrics.md."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from ragstone_server.observe.metrics import Instrument, InstrumentKind, Value
from ragstone_server.spi.sources import SourceName, SourceState, SourceStatus

_BLOCKED = frozenset({SourceState.WAITING, SourceState.PAUSED})


def source_instruments(
    status: Callable[[], Sequence[SourceStatus]], events: Callable[[], Mapping[SourceName, Mapping[str, int]]]
) -> tuple[Instrument, ...]:
    """How far each source is applied, whether it goes on, and what became of its events by outcome."""

    def gauge(name: str, unit: str, description: str, read: Callable[[SourceStatus], float | None]) -> Instrument:
        def values() -> Iterable[Value]:
            found = ((each, read(each)) for each in status())
            return [_value(each.name, value) for each, value in found if value is not None]

        return Instrument(name=name, kind=InstrumentKind.GAUGE, unit=unit, description=description, read=values)

    def counted() -> Iterable[Value]:
        return [
            _value(source, number, **{"ragstone.outcome": outcome})
            for source, outcomes in events().items()
            for outcome, number in outcomes.items()
        ]

    return (
        gauge("ragstone.source.lag", "{event}", "Events of the log that are not applied yet.", lambda each: each.lag),
        gauge("ragstone.source.position", "{event}", "Offset of the next event to apply.", lambda each: each.position),
        gauge(
            "ragstone.source.applied_until",
            "s",
            "Time of the last event that was applied, in seconds since 1970.",
            lambda each: each.applied_until.timestamp() if each.applied_until else None,
        ),
        gauge(
            "ragstone.source.blocked",
            "1",
            "1 while the source waits or is paused, otherwise 0.",
            lambda each: float(each.state in _BLOCKED),
        ),
        Instrument(
            name="ragstone.source.events",
            kind=InstrumentKind.COUNTER,
            unit="{event}",
            description="Events that were applied, by what became of them.",
            read=counted,
        ),
    )


def _value(source: SourceName, value: float, **more: str) -> Value:
    return Value(value=value, attributes={"ragstone.source": source, **more})

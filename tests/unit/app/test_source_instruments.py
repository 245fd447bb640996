"""The figures of sources and dead letters, as OpenTelemetry reads them."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from ragstone_server.app import source_instruments as instruments
from ragstone_server.app.source_instruments import dead_letter_instrument, source_instruments
from ragstone_server.observe.metrics import Instrument, meter_provider
from ragstone_server.spi.errors import CatalogUnavailable
from ragstone_server.spi.sources import SourceName, SourceState, SourceStatus
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from tests.letters import SAMPLE, put

STARTING = SourceStatus(name=SourceName("log/0"), state=SourceState.STARTING)
PAUSED = SourceStatus(
    name=SourceName("log/1"),
    state=SourceState.PAUSED,
    position=90,
    end=100,
    lag=10,
    applied_until=datetime(2026, 3, 1, tzinfo=UTC),
    pending=4,
)


def test_what_is_known_of_each_source_is_read() -> None:
    reader = InMemoryMetricReader()
    provider = meter_provider(reader, "1.0", source_instruments(lambda: [STARTING, PAUSED]))
    data: Any = reader.get_metrics_data()
    found = {
        (metric.name.removeprefix("ragstone.source."), point.attributes["ragstone.source"]): point.value
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
        for point in metric.data.data_points
    }
    provider.shutdown()
    assert found == {
        ("lag", "log/1"): 10,
        ("applied_until", "log/1"): 1772323200.0,
        ("pending", "log/0"): 0,
        ("pending", "log/1"): 4,
        ("state", "log/0"): 0,
        ("state", "log/1"): 3,
    }


def read(instrument: Instrument) -> list[float]:
    return [value.value for value in instrument.read()]


async def test_dead_letters_are_counted_on_the_loop_of_their_store() -> None:
    store = MemoryCatalogStore()
    await put(store, SAMPLE, SAMPLE)
    instrument = dead_letter_instrument(store.sources.dead_letter_count, asyncio.get_running_loop())
    assert await asyncio.to_thread(read, instrument) == [2]


async def test_a_store_that_is_away_gives_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    async def away() -> int:
        raise CatalogUnavailable

    async def silent() -> int:
        await asyncio.Event().wait()
        return 0

    monkeypatch.setattr(instruments, "COUNT_S", 0.05)
    for count in (away, silent):
        instrument = dead_letter_instrument(count, asyncio.get_running_loop())
        began = time.monotonic()
        assert await asyncio.to_thread(read, instrument) == []
        assert time.monotonic() - began < 10


def test_a_loop_that_is_gone_gives_no_figure() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    assert read(dead_letter_instrument(MemoryCatalogStore().sources.dead_letter_count, loop)) == []


def test_what_became_of_the_events_is_counted() -> None:
    reader = InMemoryMetricReader()
    counted = instruments.event_instrument(lambda: {STARTING.name: {"written": 5, "dead": 1}})
    provider = meter_provider(reader, "1.0", (counted,))
    data: Any = reader.get_metrics_data()
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    provider.shutdown()
    assert metric.name == "ragstone.source.events"
    found = {point.attributes["ragstone.outcome"]: point.value for point in metric.data.data_points}
    assert found == {"written": 5, "dead": 1}

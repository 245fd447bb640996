"""The figures of sources, as OpenTelemetry reads them."""

from datetime import UTC, datetime
from typing import Any

from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from ragstone_server.app.source_instruments import source_instruments
from ragstone_server.observe.metrics import meter_provider
from ragstone_server.spi.sources import SourceName, SourceState, SourceStatus

ONE, TWO = SourceName("kafka/ragstone/documents/00000"), SourceName("kafka/ragstone/documents/00001")
APPLIED = datetime(2026, 1, 2, tzinfo=UTC)


def test_what_is_known_of_each_source_is_told() -> None:
    status = [
        SourceStatus(name=ONE, state=SourceState.RUNNING, position=7, end=9, lag=2, applied_until=APPLIED),
        SourceStatus(name=TWO, state=SourceState.WAITING, detail="the catalog is away"),
    ]
    reader = InMemoryMetricReader()
    instruments = source_instruments(lambda: status, lambda: {ONE: {"written": 5, "dead": 1}})
    provider = meter_provider(reader, "1.0", instruments)
    data: Any = reader.get_metrics_data()
    found = {
        (metric.name, point.attributes["ragstone.source"], point.attributes.get("ragstone.outcome")): point.value
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
        for point in metric.data.data_points
    }
    assert found == {
        ("ragstone.source.lag", ONE, None): 2,
        ("ragstone.source.position", ONE, None): 7,
        ("ragstone.source.applied_until", ONE, None): APPLIED.timestamp(),
        ("ragstone.source.blocked", ONE, None): 0,
        ("ragstone.source.blocked", TWO, None): 1,
        ("ragstone.source.events", ONE, "written"): 5,
        ("ragstone.source.events", ONE, "dead"): 1,
    }
    provider.shutdown()

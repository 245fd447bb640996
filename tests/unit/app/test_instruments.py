"""The figures of deployments, as OpenTelemetry reads them."""

from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from ragstone_server.app.instruments import instruments_of
from ragstone_server.observe.metrics import TelemetrySettings, exporting, meter_provider
from ragstone_server.spi.generator import Fault, GeneratorFailed
from ragstone_server.testing.conformance.generator import OPENED, generate_request
from ragstone_server.testing.memory.clock import MemoryClock
from ragstone_server.testing.memory.generator import MemoryGenerator
from tests.unit.pipelines.house import routes


def figures(reader: InMemoryMetricReader) -> dict[tuple[str, ...], float]:
    data: Any = reader.get_metrics_data()
    metrics = data.resource_metrics[0].scope_metrics[0].metrics
    return {
        (metric.name, *(str(value) for key, value in sorted(point.attributes.items()) if key in KINDS)): point.value
        for metric in metrics
        for point in metric.data.data_points
    }


KINDS = {"ragstone.deployment", "error.type", "gen_ai.token.type"}


async def test_health_is_read_when_it_is_time() -> None:
    good, bad = MemoryGenerator(("nine",), model="good"), MemoryGenerator((GeneratorFailed(Fault.CUT),), model="bad")
    both = routes(good, bad, clock=MemoryClock())
    reader = InMemoryMetricReader()
    provider = meter_provider(reader, "1.0", instruments_of(both))
    assert figures(reader)["ragstone.deployment.requests", "good"] == 0
    for deployment in (*both.deployments(), both.deployments()[1], both.deployments()[1]):
        try:
            async with deployment(generate_request(OPENED)) as events:
                _ = [event async for event in events]
        except GeneratorFailed:
            pass
    found = figures(reader)
    assert found["ragstone.deployment.requests", "good"] == 1
    assert found["ragstone.deployment.breaker", "good"] == 0
    assert found["ragstone.deployment.requests", "bad"] == 3
    assert found["ragstone.deployment.faults", "cut", "bad"] == 3
    assert found["ragstone.deployment.breaker", "bad"] == 2
    assert found["gen_ai.client.token.usage", "output", "good"] == 1
    provider.shutdown()


@pytest.mark.parametrize("endpoint", ["127.0.0.1:4317", "collector", "grpc://collector"])
def test_a_collector_is_named_by_a_url(endpoint: str) -> None:
    with pytest.raises(ValueError, match="begins with"):
        TelemetrySettings(otlp_endpoint=endpoint)


async def test_without_a_collector_nothing_is_set_up() -> None:
    async with exporting(TelemetrySettings(), "1.0", instruments_of(routes(clock=MemoryClock()))):
        pass

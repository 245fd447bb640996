"""The health of deployments reaches a collector, and a collector that is away disturbs nobody."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from grpc import aio
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc

from ragstone import AsyncClient, RagstoneError
from tests.providers.faulty import FaultyProvider, Status, refused
from tests.served import Served


class Collector(metrics_service_pb2_grpc.MetricsServiceServicer):
    """Takes what is exported."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, ...], float] = {}
        self.keys: set[str] = set()

    async def Export(self, request: Any, context: Any) -> Any:
        """One export."""
        self.keys |= {str(value) for key, value in context.invocation_metadata() if key == "x-key"}
        for resource in request.resource_metrics:
            for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                for point in (*metric.gauge.data_points, *metric.sum.data_points):
                    named = {each.key: each.value.string_value for each in point.attributes}
                    key = metric.name, named.get("ragstone.deployment", ""), named.get("error.type", "")
                    self.values[key] = point.as_int or point.as_double
        return metrics_service_pb2.ExportMetricsServiceResponse()


@asynccontextmanager
async def collecting() -> AsyncIterator[tuple[Collector, str]]:
    """A collector, and where it listens."""
    collector, server = Collector(), aio.server()
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield collector, f"http://127.0.0.1:{port}"
    finally:
        await server.stop(0)


def served_by(provider: str, data: Path, endpoint: str) -> Served:
    """A server with one model, whose figures go to the endpoint."""
    deployment = (
        f'{{ provider = "openai_compatible", name = "only", model = "m", url = "{provider}", api_key = "env:KEY" }}'
    )
    return Served(
        data,
        KEY="sk-of-the-test",
        COLLECTOR="secret-of-the-test",
        RAGSTONE__GENERATOR__USE="routes",
        RAGSTONE__ROUTES__DEFAULT__DEPLOYMENTS=f"[{deployment}]",
        RAGSTONE__ROUTES__DEFAULT__RETRIES="0",
        RAGSTONE__ROUTES__DEFAULT__BREAKER_FAILURES="2",
        RAGSTONE__TELEMETRY__OTLP_ENDPOINT=endpoint,
        RAGSTONE__TELEMETRY__INTERVAL_SECONDS="0.2",
        RAGSTONE__TELEMETRY__HEADERS='{ "x-key" = "env:COLLECTOR" }',
    )


async def test_a_deployment_that_fails_is_seen_with_its_open_breaker(tmp_path: Path) -> None:
    async with collecting() as (collector, endpoint), FaultyProvider(always=Status(code=500)) as provider:
        served = served_by(provider.url, tmp_path / "data", endpoint)
        await asyncio.to_thread(served.start)
        try:
            async with AsyncClient(served.address) as client:
                await client.upsert_document("harbour", text="The harbour of Nordvik was opened in 1911.")
                for _ in range(2):
                    with pytest.raises(RagstoneError):
                        await client.ask("When was the harbour opened?", min_watermark="session")
                async with asyncio.timeout(30):
                    while collector.values.get(("ragstone.deployment.breaker", "only", "")) != 2:
                        await asyncio.sleep(0.05)
        finally:
            await asyncio.to_thread(served.terminate)
    assert collector.values["ragstone.deployment.requests", "only", ""] == 2
    assert collector.values["ragstone.deployment.faults", "only", "unavailable"] == 2
    assert collector.values["ragstone.dead_letters", "", ""] == 0
    assert collector.keys == {"secret-of-the-test"}
    assert "secret-of-the-test" not in served.log()


async def test_a_collector_that_is_away_disturbs_nobody(tmp_path: Path) -> None:
    with refused() as away:
        served = served_by(away, tmp_path / "data", away.removesuffix("/v1"))
        await asyncio.to_thread(served.start)
        async with AsyncClient(served.address) as client:
            await client.upsert_document("harbour", text="The harbour of Nordvik was opened in 1911.")
            assert await client.retrieve("When was it opened?", min_watermark="session")
        began = time.monotonic()
        assert await asyncio.to_thread(served.terminate) == 0
    assert time.monotonic() - began < 30
    assert "Traceback" not in served.log()


def test_without_a_collector_nothing_of_it_is_loaded() -> None:
    code = "import sys; import ragstone_server.app.serve; assert 'opentelemetry' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

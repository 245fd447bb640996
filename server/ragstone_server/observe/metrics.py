"""Figures for operators, sent to an OpenTelemetry collector. Nothing is counted here: what is sent is read when it is time."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pydantic import Field, SecretStr, field_validator

from ragstone_server.spi.provider import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader

logger = logging.getLogger(__name__)

NAME = "ragstone"
CLOSE_S = 5.0
"""Longest time at shutdown for the last figures."""


class TelemetrySettings(Settings):
    """Where figures go."""

    otlp_endpoint: str = Field(
        default="",
        description="Collector that takes OTLP over gRPC, as in `http://127.0.0.1:4317`; `https://` is encrypted. Empty: none.",
    )
    interval_seconds: float = Field(default=30.0, ge=0.1, le=3600, description="Time from one export to the next.")
    headers: Mapping[str, SecretStr] = Field(
        default={}, description="Sent with every export, as keys of a collector; best as `env:NAME`."
    )

    @field_validator("otlp_endpoint")
    @classmethod
    def _is_a_url(cls, endpoint: str) -> str:
        if endpoint and not endpoint.startswith(("http://", "https://")):
            raise ValueError("begins with http:// or https://")
        return endpoint


class InstrumentKind(StrEnum):
    """What a figure does."""

    COUNTER = "counter"
    """It only grows."""
    GAUGE = "gauge"
    """It goes up and down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A figure, and of what it is one."""

    value: float
    attributes: Mapping[str, str]
    """Few values each: names of the configuration, never of callers or documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """Something that can be read at any time, from any thread."""

    name: str
    kind: InstrumentKind
    unit: str
    """As UCUM writes it; `{request}` for a number of requests."""
    description: str
    read: Callable[[], Iterable[Value]]


@asynccontextmanager
async def exporting(
    settings: TelemetrySettings, version: str, instruments: Iterable[Instrument]
) -> AsyncIterator[None]:
    """Send the figures as long as the context is open, and once more at its end. A collector that is away disturbs nobody."""
    if not settings.otlp_endpoint:
        yield
        return
    provider = meter_provider(_reader(settings), version, instruments)
    try:
        yield
    finally:
        try:
            async with asyncio.timeout(CLOSE_S):
                await asyncio.to_thread(provider.shutdown, CLOSE_S * 1000)
        except Exception as error:  # noqa: BLE001 - whatever it is, the server stops
            logger.warning("the last figures were not sent: %s", type(error).__name__)


def meter_provider(reader: "MetricReader", version: str, instruments: Iterable[Instrument]) -> Any:
    """What hands the figures to the reader; to be shut down."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.resources import Resource

    resource = Resource({"service.name": NAME, "service.version": version, "service.instance.id": str(uuid4())})
    provider = MeterProvider(metric_readers=[reader], resource=resource, shutdown_on_exit=False)
    meter = provider.get_meter(NAME, version)
    for each in instruments:
        create = (
            meter.create_observable_counter if each.kind is InstrumentKind.COUNTER else meter.create_observable_gauge
        )
        create(each.name, [_observed(each)], unit=each.unit, description=each.description)
    return provider


def _observed(instrument: Instrument) -> Callable[[Any], Iterable[Any]]:
    from opentelemetry.metrics import Observation

    def observe(_: Any) -> Iterable[Any]:
        return [Observation(each.value, dict(each.attributes)) for each in instrument.read()]

    return observe


def _reader(settings: TelemetrySettings) -> "MetricReader":
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    headers = tuple((name.lower(), value.get_secret_value()) for name, value in settings.headers.items())
    exporter = OTLPMetricExporter(
        endpoint=settings.otlp_endpoint,
        insecure=settings.otlp_endpoint.startswith("http://"),
        headers=headers or None,
        timeout=CLOSE_S,
    )
    return PeriodicExportingMetricReader(exporter, export_interval_millis=settings.interval_seconds * 1000)

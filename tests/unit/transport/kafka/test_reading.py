"""How partitions do, for operators; and what holds them up."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from aiokafka import TopicPartition

from ragstone_server.spi.errors import CatalogUnavailable
from ragstone_server.spi.sources import SourceName, SourceState
from ragstone_server.transport.kafka.applier import Counts
from ragstone_server.transport.kafka.consumer import STARTING
from ragstone_server.transport.kafka.flow import Flow
from ragstone_server.transport.kafka.lag import holding_up
from ragstone_server.transport.kafka.reading import Reading
from ragstone_server.transport.kafka.settings import KafkaSettings
from tests.unit.transport.kafka.bench import eventually
from tests.unit.transport.kafka.virtual import in_virtual_time

SETTINGS = KafkaSettings.model_validate({"bootstrap_servers": "127.0.0.1:9", "topics": ("documents", "notes")})
PLACE = TopicPartition("documents", 0)
SOURCE = SourceName("kafka/ragstone/documents/00000")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class _Partition:
    source: SourceName = SOURCE
    waiting: str = ""
    ready: bool = True
    next: int | None = 10
    applied_until: datetime | None = NOW
    pending: int = 3
    counts: Counts = field(default_factory=lambda: Counts(written=1, dead=2))


@dataclass
class _Consumer:
    partitions: dict[TopicPartition, _Partition]
    failure: str = ""
    end: int | None = 14
    at: int = 0

    def end_of(self, place: TopicPartition) -> int | None:
        return self.end

    def reached(self, place: TopicPartition) -> int:
        return self.at


@dataclass
class _Letters:
    failure: str


def reading(consumer: _Consumer, held_up: str = "", letters: str | None = None) -> Reading:
    flow = Flow(1, 1, 1)
    flow.held_up = held_up
    return Reading(
        settings=SETTINGS,
        consumer=cast(Any, consumer),
        flow=flow,
        letters=None if letters is None else cast(Any, _Letters(letters)),
    )


@pytest.mark.parametrize(
    ("failure", "state", "detail"),
    [
        (STARTING, SourceState.STARTING, STARTING),
        ("", SourceState.STARTING, "the group has given no partition to this process"),
        ("no broker answers", SourceState.WAITING, "no broker answers"),
    ],
)
def test_who_holds_nothing_says_why(failure: str, state: SourceState, detail: str) -> None:
    (status,) = reading(_Consumer({}, failure)).status()
    assert (status.name, status.state, status.detail) == ("kafka/ragstone/documents,notes", state, detail)


def test_a_partition_says_how_far_it_is() -> None:
    (status,) = reading(_Consumer({PLACE: _Partition()}), letters="").status()
    assert (status.state, status.detail) == (SourceState.RUNNING, "")
    assert (status.position, status.end, status.lag, status.pending) == (10, 14, 4, 3)
    assert status.applied_until == NOW


def test_what_is_no_record_is_no_lag() -> None:
    (status,) = reading(_Consumer({PLACE: _Partition()}, at=14)).status()
    assert (status.position, status.lag) == (10, 0)


def test_what_is_not_known_is_not_said() -> None:
    (status,) = reading(_Consumer({PLACE: _Partition(next=None, ready=False)}, end=None)).status()
    assert (status.state, status.position, status.lag) == (SourceState.STARTING, None, None)


@pytest.mark.parametrize(
    ("partition", "failure", "held_up", "letters", "state", "detail"),
    [
        (_Partition(waiting="the catalog is away"), "", "", "", SourceState.WAITING, "the catalog is away"),
        (_Partition(), "no broker answers", "", "", SourceState.WAITING, "no broker answers"),
        (_Partition(), "", "the indexes lag", "", SourceState.PAUSED, "the indexes lag"),
        (_Partition(), "", "", "no topic", SourceState.RUNNING, "dead letters cannot be published: no topic"),
    ],
)
def test_what_stops_it_is_said(
    partition: _Partition, failure: str, held_up: str, letters: str, state: SourceState, detail: str
) -> None:
    (status,) = reading(_Consumer({PLACE: partition}, failure), held_up, letters).status()
    assert (status.state, status.detail, status.position) == (state, detail, 10)


def test_events_are_counted_by_what_became_of_them() -> None:
    found = reading(_Consumer({PLACE: _Partition()})).events()
    assert found == {_Partition.source: {"written": 1, "unchanged": 0, "skipped": 0, "dead": 2}}


def lagging(lags: list[int | Exception]) -> Callable[[], Awaitable[int]]:
    async def view_lag() -> int:
        lag = lags.pop(0) if len(lags) > 1 else lags[0]
        if isinstance(lag, Exception):
            raise lag
        return lag

    return view_lag


@in_virtual_time
async def test_it_is_held_up_while_the_views_lag_whatever_the_catalog_says_in_between() -> None:
    flow = Flow(1, 1, 1)
    lags: list[int | Exception] = [11]
    async with holding_up(flow, lagging(lags), 10):
        await eventually(lambda: "11 changes behind" in flow.held_up)
        for error in (CatalogUnavailable(), ZeroDivisionError()):
            lags[:] = [error]
            await asyncio.sleep(5)
            assert flow.held_up
        lags[:] = [10]
        await eventually(lambda: not flow.held_up)

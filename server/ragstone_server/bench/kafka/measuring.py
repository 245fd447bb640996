"""All parts of the benchmark, and how each is told."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from ragstone_server.bench.kafka.catalogs import measure_catalogs
from ragstone_server.bench.kafka.delays import measure_delays
from ragstone_server.bench.kafka.embedding import measure_embedding
from ragstone_server.bench.kafka.events import Event
from ragstone_server.bench.kafka.rates import Rate, measure_rate
from ragstone_server.bench.kafka.services import Services
from ragstone_server.bench.kafka.topics import new_topic

KNOWN: Final = 100
"""Texts of the documents whose vectors are known."""
EMBEDDING_ROUNDS: Final = 2
DELAYS_S: Final = 30
Rows = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A part that was measured."""

    title: str
    header: Sequence[str]
    rows: Rows
    figures: Any
    """For machines."""


def rates(services: Services, texts: Sequence[str], documents: int) -> Told:
    """Without embedding: when they are measured, the vectors of all texts are known."""
    database = services.database("rates")
    known = [Event(document=f"text-{i}", version=1, text=text) for i, text in enumerate(texts[:KNOWN])]
    measure_rate(services, database, "first", known)

    def of(*versions: int) -> list[Event]:
        return [
            Event(document=f"document-{i}", version=version, text=known[i % len(known)].text)
            for version in versions
            for i in range(documents)
        ]

    measured: Mapping[str, Rate] = {
        "new documents, vectors known": measure_rate(services, database, "known", of(1)),
        "the same version again": measure_rate(services, database, "same", of(1, 1)),
        "a new version, content unchanged": measure_rate(services, database, "moved", of(2, 3)),
    }
    return Told(
        title="Events a second without embedding (goal: 2,000)",
        header=("events", "a second", "no core", "server CPU us", "bare client", "its CPU us"),
        rows=[
            [
                name,
                f"{rate.events_per_s:,.0f}",
                f"{rate.waited_for_core:.0%}",
                f"{rate.server_cpu_us:.0f}",
                f"{rate.bare_events_per_s:,.0f}",
                f"{rate.bare_cpu_us:.0f}",
            ]
            for name, rate in measured.items()
        ],
        figures={name: asdict(rate) for name, rate in measured.items()},
    )


def embedding(services: Services, texts: Sequence[str], _: int) -> Told:
    """In turns, since what else the machine does comes and goes."""
    rounds = [measure_embedding(services, texts, number) for number in range(EMBEDDING_ROUNDS)]
    return Told(
        title="Passages a second with embedding, beside the embedder alone (goal: a ratio of 0.90)",
        header=("passages", "a second", "embedder alone", "ratio", "server CPU ms", "embedder CPU ms"),
        rows=[
            [
                f"{each.passages:.0f}",
                f"{each.passages_per_s:.0f}",
                f"{each.alone_per_s:.0f}",
                f"{each.ratio:.2f}",
                f"{each.server_cpu_ms:.1f}",
                f"{each.alone_cpu_ms:.1f}",
            ]
            for each in rounds
        ],
        figures=[asdict(each) for each in rounds],
    )


def delays(services: Services, texts: Sequence[str], _: int) -> Told:
    """One process with all roles; and one that consumes beside one that answers."""

    def measure(topic: str, address: str) -> dict[str, float]:
        return asyncio.run(measure_delays(services.bootstrap, topic, address, texts, DELAYS_S))

    measured = {}
    topic = new_topic(services, "all-roles")
    with services.serving("all-roles", services.database("all_roles"), topic) as server:
        measured["one process"] = measure(topic, server.address)
    topic, database = new_topic(services, "two-roles"), services.database("two_roles")
    with (
        services.serving("consume", database, topic, server__roles='["consume"]'),
        services.serving("query", database, topic, server__roles='["query", "index"]') as server,
    ):
        measured["one consumes, one answers"] = measure(topic, server.address)
    return Told(
        title="Seconds from producing an event to finding its document, at 20 events a second (goal: p50 of 1.5)",
        header=("processes", "looked for", "p50 s", "p95 s"),
        rows=[
            [name, f"{each['looked_for']:.0f}", f"{each['p50_s']:.2f}", f"{each['p95_s']:.2f}"]
            for name, each in measured.items()
        ],
        figures=measured,
    )


def queries(services: Services, texts: Sequence[str], _: int) -> Told:
    """The same documents in two servers."""
    measured = measure_catalogs(services, texts)
    return Told(
        title="A query on the catalog in PostgreSQL, beside SQLite (goal: 1 ms more of server CPU)",
        header=("callers", "catalog", "p50 ms", "queries a second", "server CPU ms"),
        rows=[
            [
                str(each.callers),
                each.catalog,
                f"{each.p50_ms:.1f}",
                f"{each.requests_per_s:.0f}",
                f"{each.server_cpu_ms:.1f}",
            ]
            for each in measured
        ],
        figures=[asdict(each) for each in measured],
    )


PARTS: Final[Mapping[str, Callable[[Services, Sequence[str], int], Told]]] = {
    part.__name__: part for part in (rates, embedding, delays, queries)
}


def measure_parts(
    services: Services, texts: Sequence[str], documents: int, only: Iterable[str]
) -> Iterable[tuple[str, Told]]:
    """Each as soon as it is measured."""
    for name in only:
        yield name, PARTS[name](services, texts, documents)

"""The figures of `make bench-kafka` as tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """How a part of the report is told."""

    title: str
    notes: str
    table: Callable[[Any], str]

    def text(self, measured: object) -> str:
        """Title, table and notes."""
        return f"## {self.title}\n\n{self.table(measured)}\n\n{self.notes}"


def _rates(measured: Mapping[str, Mapping[str, Figures]]) -> str:
    rows = []
    for name, both in measured.items():
        ours, bare = both["ragstone"], both["bare"]
        cpus = [ours[f"{who}cpu_us_per_event"] for who in ("", "database_", "broker_")]
        wait = f"{ours['waited_for_core']:.0%}"
        rows.append([name, ours["events"], ours["events_per_s"], wait, bare["events_per_s"], *cpus])
    return _table(
        ["events", "number", "a second", "no core", "bare client", "server us", "database us", "broker us"], rows
    )


def _embedding(rounds: Sequence[Figures]) -> str:
    rows = [
        [
            *(each[key] for key in ("passages", "passages_per_s", "embedder_alone_passages_per_s")),
            f"{each['ratio']:.2f}",
            *(f"{each[f'{who}_cpu_ms_per_passage']:.1f}" for who in ("server", "embedder_alone")),
        ]
        for each in rounds
    ]
    return _table(["passages", "a second", "embedder alone", "ratio", "server CPU ms", "embedder CPU ms"], rows)


def _delays(measured: Mapping[str, Figures]) -> str:
    rows = [
        [name, each["looked_for"], f"{each['p50_s']:.2f}", f"{each['p95_s']:.2f}"] for name, each in measured.items()
    ]
    return _table(["processes", "looked for", "p50 s", "p95 s"], rows)


def _queries(measured: Mapping[str, Mapping[str, Sequence[Figures]]]) -> str:
    keys = ("p50_ms", "p95_ms", "requests_per_s", "server_cpu_ms_per_request")
    rows = [
        [callers, catalog, *(f"{median(each[key] for each in rounds):.1f}" for key in keys)]
        for callers, catalogs in measured.items()
        for catalog, rounds in catalogs.items()
    ]
    return _table(["callers", "catalog", "p50 ms", "p95 ms", "queries a second", "server CPU ms"], rows)


PARTS = {
    "rates": Part(
        title="Events a second without embedding (goal: 2,000)",
        notes="A full topic, until the catalog has its last event; the bare client reads the same topic and does nothing "
        "with it. Processor time in us an event. 'no core': share of the time in which the server wanted a core and others "
        "had them all.",
        table=_rates,
    ),
    "embedding": Part(
        title="Passages a second with embedding, beside the embedder alone (goal: a ratio of 0.90)",
        notes="Documents whose texts were never seen; the embedder alone gets the same passages in one process, with nothing "
        "around it. Processor time in ms a passage.",
        table=_embedding,
    ),
    "delays": Part(
        title="Seconds from producing an event to finding its document, at 20 events a second (goal: p50 of 1.5)",
        notes="Every tenth document is looked for. One process does all; or one consumes and another one answers.",
        table=_delays,
    ),
    "queries": Part(
        title="A query on the catalog in PostgreSQL, beside SQLite (goal: 1 ms more of server CPU)",
        notes="The same documents in two servers, asked in turns; medians of the rounds.",
        table=_queries,
    ),
}


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    def line(cells: Iterable[object]) -> str:
        return f"| {' | '.join(f'{cell:.0f}' if isinstance(cell, float) else str(cell) for cell in cells)} |"

    return "\n".join([line(head), line("---" for _ in head), *(line(row) for row in rows)])

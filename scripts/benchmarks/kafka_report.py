"""The figures of `make bench-kafka` as tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

Figures = Mapping[str, float]


def rates(measured: Mapping[str, Mapping[str, Figures]]) -> str:
    """Events a second, and processor time in us an event."""
    rows = []
    for name, both in measured.items():
        ours, bare = both["ragstone"], both["bare"]
        cpus = [ours[f"{who}cpu_us_per_event"] for who in ("", "database_", "broker_")]
        rows.append([name, ours["events"], ours["events_per_s"], bare["events_per_s"], *cpus])
    return _table(["", "events", "a second", "bare client", "server us", "database us", "broker us"], rows)


def embedding(rounds: Sequence[Figures]) -> str:
    """Passages a second, round by round."""
    rows = [
        [
            *(each[key] for key in ("passages", "passages_per_s", "embedder_alone_passages_per_s")),
            f"{each['ratio']:.2f}",
            *(each[f"{who}_cpu_ms_per_passage"] for who in ("server", "embedder_alone")),
        ]
        for each in rounds
    ]
    return _table(["passages", "a second", "embedder alone", "ratio", "server CPU ms", "embedder CPU ms"], rows)


def delays(measured: Mapping[str, Figures]) -> str:
    """Seconds from producing to finding."""
    rows = [
        [name, each["looked_for"], f"{each['p50_s']:.2f}", f"{each['p95_s']:.2f}"] for name, each in measured.items()
    ]
    return _table(["", "looked for", "p50 s", "p95 s"], rows)


def queries(measured: Mapping[str, Mapping[str, Sequence[Figures]]]) -> str:
    """Medians over the rounds."""
    keys = ("p50_ms", "p95_ms", "requests_per_s", "server_cpu_ms_per_request")
    rows = [
        [callers, catalog, *(f"{median(each[key] for each in rounds):.1f}" for key in keys)]
        for callers, catalogs in measured.items()
        for catalog, rounds in catalogs.items()
    ]
    return _table(["callers", "catalog", "p50 ms", "p95 ms", "requests a second", "server CPU ms"], rows)


PRINTED: dict[str, Callable[[Any], str]] = {
    "rates": rates,
    "embedding": embedding,
    "delays": delays,
    "queries": queries,
}


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    def line(cells: Iterable[object]) -> str:
        return f"| {' | '.join(f'{cell:.0f}' if isinstance(cell, float) else str(cell) for cell in cells)} |"

    return "\n".join([line(head), line("---" for _ in head), *(line(row) for row in rows)])

"""What was measured, as tables for the terminal."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from ragstone_server.bench.load import Load
from ragstone_server.bench.opened import LIMIT
from ragstone_server.bench.raw import Costs
from ragstone_server.bench.recall import NEAREST
from ragstone_server.bench.retrieval import Retrieval

Rows = Sequence[Sequence[str]]


def table_of(measured: Retrieval, console: Console) -> None:
    """Print it."""
    for title, header, rows in tables(measured):
        printed(title, header, rows, console)
    for sentence in sentences(measured):
        console.print(sentence)


def printed(title: str, header: Sequence[str], rows: Rows, console: Console) -> None:
    """One table."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in header:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*row)
    console.print(table, "")


def tables(measured: Retrieval) -> Iterable[tuple[str, Sequence[str], Rows]]:
    """Titles, headers and rows."""
    header = ("callers", "p50 ms", "p95 ms", "p99 ms", "requests/s", "server CPU ms")
    yield "Retrieve", header, [_row(load) for load in measured.ragstone]
    yield "A bare echo of 16 KiB", header, [_row(load) for load in measured.echo]
    beside = measured.beside
    yield (
        "Retrieve, idle and beside writing",
        header,
        [_row(beside.idle), _row(beside.writing)],
    )
    served = measured.ragstone[0].server_cpu_ms
    yield (
        "CPU ms a question, by stage",
        ("", "embed", "vectors", "words", "texts", "the rest", "all"),
        [
            _costs("libraries alone", measured.floor, measured.floor.total_ms),
            _costs("Ragstone's stages", measured.stages, served),
        ],
    )
    yield (
        f"Vectors, {LIMIT} asked for, recall@{NEAREST} against an exact scan",
        ("passing", "recall", "p50 ms", "CPU ms"),
        [[f"{100 * f.share:g} %", f"{f.recall:.4f}", f"{f.p50_ms:.2f}", f"{f.cpu_ms:.2f}"] for f in measured.filtered],
    )


def _costs(name: str, costs: Costs, total_ms: float) -> list[str]:
    rest = total_ms - costs.total_ms
    each = (costs.embed_ms, costs.vectors_ms, costs.words_ms, costs.texts_ms, rest, total_ms)
    return [name, *(f"{ms:.2f}" for ms in each)]


def _row(load: Load) -> list[str]:
    times = [f"{ms:.1f}" for ms in (load.p50_ms, load.p95_ms, load.p99_ms)]
    return [str(load.callers), *times, f"{load.requests_per_s:.0f}", f"{load.server_cpu_ms:.2f}"]


def sentences(measured: Retrieval) -> Iterable[str]:
    """What stands in no table."""
    least = min(load.server_cpu_ms for load in measured.ragstone)
    yield (
        f"Server CPU a request: {least:.2f} ms at best, {least / measured.floor.total_ms:.2f} times the libraries alone."
    )
    beside = measured.beside
    yield f"Beside writing {beside.passages_per_s:.0f} passages a second the p95 is {beside.p95_ratio:.2f} times the idle one."
    yield f"First answer {measured.first_answer_s:.2f} s after the start of the process, everything on disk."
    yield (
        f"Resident {measured.resident_mb:.0f} MB, index files {measured.index_mb:.0f} MB "
        f"({measured.resident_mb / measured.index_mb:.2f} times)."
    )

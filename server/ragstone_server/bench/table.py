"""What was measured, as tables for the terminal."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from ragstone_server.bench.load import Load
from ragstone_server.bench.recall import LIMIT, NEAREST
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
    floor = measured.floor
    yield (
        "The libraries alone, CPU ms a question",
        ("embed", "FAISS", "Tantivy", "texts", "all"),
        [[f"{ms:.2f}" for ms in (floor.embed_ms, floor.vectors_ms, floor.words_ms, floor.texts_ms, floor.total_ms)]],
    )
    yield (
        f"Vectors, {LIMIT} asked for, recall@{NEAREST} against an exact scan",
        ("passing", "recall", "p50 ms", "CPU ms"),
        [[f"{100 * f.share:g} %", f"{f.recall:.4f}", f"{f.p50_ms:.2f}", f"{f.cpu_ms:.2f}"] for f in measured.filtered],
    )


def _row(load: Load) -> list[str]:
    times = [f"{ms:.1f}" for ms in (load.p50_ms, load.p95_ms, load.p99_ms)]
    return [str(load.callers), *times, f"{load.requests_per_s:.0f}", f"{load.server_cpu_ms:.2f}"]


def sentences(measured: Retrieval) -> Iterable[str]:
    """What stands in no table."""
    least = min(load.server_cpu_ms for load in measured.ragstone)
    yield (
        f"Server CPU a request: {least:.2f} ms at best, {least / measured.floor.total_ms:.2f} times the libraries alone."
    )
    yield f"First answer {measured.first_answer_s:.2f} s after the start of the process, everything on disk."
    yield (
        f"Resident {measured.resident_mb:.0f} MB, index files {measured.index_mb:.0f} MB "
        f"({measured.resident_mb / measured.index_mb:.2f} times)."
    )

"""What was measured, as a page with plots that stands by itself."""

from collections.abc import Sequence
from html import escape
from io import StringIO

from matplotlib.figure import Figure

from ragstone_server.bench.recall import NEAREST
from ragstone_server.bench.retrieval import Retrieval
from ragstone_server.bench.table import Rows, sentences, tables

_STYLE = "body{font:15px/1.5 sans-serif;max-width:60rem;margin:2rem auto}td,th{text-align:right;padding:.2rem .8rem}"


def html_of(measured: Retrieval) -> str:
    """A page that stands by itself."""
    measures = "".join(_html_table(*each) for each in tables(measured))
    said = "".join(f"<p>{escape(each)}</p>" for each in sentences(measured))
    title = f"Retrieval over {measured.passages:,} passages"
    head = f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
    return f"{head}<h1>{title}</h1>{said}{_plot(measured)}{measures}"


def _plot(measured: Retrieval) -> str:
    """Latency, requests a second, processor time and recall, side by side, as SVG."""
    figure = Figure(figsize=(11, 8), layout="constrained")
    (latency, rate), (cpu, recalled) = figure.subplots(2, 2)
    callers = [str(load.callers) for load in measured.ragstone]
    for name, times in (
        ("p50", [load.p50_ms for load in measured.ragstone]),
        ("p95", [load.p95_ms for load in measured.ragstone]),
        ("p99", [load.p99_ms for load in measured.ragstone]),
        ("echo, p50", [load.p50_ms for load in measured.echo]),
    ):
        latency.plot(callers, times, marker="o", label=name)
    latency.set(title="Latency, ms", xlabel="callers", yscale="log")
    latency.legend()
    rate.bar(callers, [load.requests_per_s for load in measured.ragstone])
    rate.set(title="Requests a second", xlabel="callers")
    below = 0.0
    floor = measured.floor
    parts = {"embed": floor.embed_ms, "FAISS": floor.vectors_ms, "Tantivy": floor.words_ms, "texts": floor.texts_ms}
    for name, ms in parts.items():
        cpu.bar("libraries", ms, bottom=below, label=name)
        below += ms
    cpu.bar(callers, [load.server_cpu_ms for load in measured.ragstone], label="server, by callers")
    cpu.set(title="Processor time a request, ms")
    cpu.legend()
    shares = [f"{100 * each.share:g} %" for each in measured.filtered]
    recalled.bar(shares, [each.recall for each in measured.filtered])
    recalled.set(title=f"Recall@{NEAREST} by share that passes", ylim=(0.9, 1.0))
    out = StringIO()
    figure.savefig(out, format="svg")
    return out.getvalue().partition("<svg")[1] + out.getvalue().partition("<svg")[2]


def _html_table(title: str, header: Sequence[str], rows: Rows) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<h2>{escape(title)}</h2><table><tr>{head}</tr>{body}</table>"

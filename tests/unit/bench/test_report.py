import io
from dataclasses import replace

from rich.console import Console

from ragstone_server.bench.load import Load
from ragstone_server.bench.page import html_of
from ragstone_server.bench.raw import Costs
from ragstone_server.bench.recall import Filtered
from ragstone_server.bench.retrieval import Retrieval
from ragstone_server.bench.table import table_of
from ragstone_server.bench.writing import Beside

LOAD = Load(callers=1, p50_ms=8.0, p95_ms=12.0, p99_ms=15.0, requests_per_s=120.0, server_cpu_ms=6.0)
MEASURED = Retrieval(
    passages=1_000_000,
    ragstone=[LOAD, replace(LOAD, callers=16, server_cpu_ms=5.0)],
    echo=[replace(LOAD, p50_ms=0.5), replace(LOAD, callers=16)],
    floor=Costs(embed_ms=2.0, vectors_ms=1.0, words_ms=0.75, texts_ms=0.25),
    stages=Costs(embed_ms=2.1, vectors_ms=1.1, words_ms=0.9, texts_ms=0.3),
    beside=Beside(idle=LOAD, writing=replace(LOAD, p95_ms=18.0), passages_per_s=99.6),
    filtered=[Filtered(share=0.001, recall=0.9912, p50_ms=1.5, cpu_ms=1.0)],
    first_answer_s=0.9,
    resident_mb=1500.0,
    index_mb=1200.0,
)


def test_the_table_has_every_figure_beside_its_floor() -> None:
    out = io.StringIO()
    table_of(MEASURED, Console(file=out, width=120))
    text = out.getvalue()
    assert "5.00 ms at best, 1.25 times the libraries alone" in text
    assert "writing 100 passages a second the p95 is 1.50 times" in text
    assert "1.60" in text, "what no stage explains"
    assert "0.9912" in text
    assert "0.1 %" in text
    assert "1500 MB, index files 1200 MB (1.25 times)" in text


def test_the_page_stands_by_itself() -> None:
    page = html_of(MEASURED)
    assert page.startswith("<!doctype html>")
    assert page.count("<svg") == 1
    assert "Retrieval over 1,000,000 passages" in page
    assert "<script" not in page, "nothing is fetched, and nothing runs"

"""`ragstone eval`."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import Progress

from ragstone import AlreadyExists, Client, NewDocument, Outcome, RagstoneError
from ragstone_server.cli.common import connected, fail, json_option, print_json, print_table, server_option
from ragstone_server.cli.sources import Unreadable, documents

DEPTH = 100
PASSAGES = 300
"""Passages asked for, so that there are `DEPTH` documents among them."""
RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Judged:
    """Grade of one document for one query."""

    query_id: str
    doc_id: str
    relevance: int


@dataclass(frozen=True, slots=True)
class Scored:
    """Score of one document for one query."""

    query_id: str
    doc_id: str
    score: float


@click.command("eval")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--collection", "-c", help="Collection to use; made and filled where it has to be.  [default: eval-DIR]")
@click.option("--no-ingest", is_flag=True, help="The collection holds the corpus already.")
@server_option
@json_option
def eval_command(directory: Path, collection: str | None, no_ingest: bool, server: str, as_json: bool) -> None:
    """Measure retrieval on a data set in BEIR layout: corpus.jsonl, queries.jsonl, qrels/test.tsv.

    Gives nDCG@10, recall@100 and MRR@10 over documents, each with its 95 % bootstrap interval over the queries.
    """
    queries, judged = _queries(directory), _judgements(directory)
    name = collection or f"eval-{directory.resolve().name.lower()}"
    with connected(server) as client:
        if not no_ingest:
            _ingest(client, directory / "corpus.jsonl", name, quiet=as_json)
        asked = [query for query in queries if any(j.query_id == query[0] for j in judged)]
        run = list(_run(client, asked, name, quiet=as_json))
    measured = _measure(judged, run)
    if as_json:
        print_json({"queries": len(asked), "measures": measured})
        return
    rows = [
        {"measure": measure, "value": f"{row['value']:.4f}", "95 % interval": f"{row['low']:.4f} to {row['high']:.4f}"}
        for measure, row in measured.items()
    ]
    print_table(rows, ["measure", "value", "95 % interval"])
    click.echo(f"over {len(asked)} queries")


def _queries(directory: Path) -> list[tuple[str, str]]:
    try:
        lines = (directory / "queries.jsonl").read_text("utf-8").splitlines()
        return [(str(row["_id"]), row["text"]) for row in map(json.loads, filter(None, lines))]
    except (OSError, ValueError, KeyError) as error:
        fail(f"{directory / 'queries.jsonl'} is not a file of queries with _id and text ({error})")


def _judgements(directory: Path) -> list[Judged]:
    path = directory / "qrels" / "test.tsv"
    try:
        rows = [line.split("\t") for line in path.read_text("utf-8").splitlines() if line.strip()]
        return [Judged(query, document, int(grade)) for query, document, grade in rows if grade.strip() != "score"]
    except (OSError, ValueError) as error:
        fail(f"{path} is not a table of query, document and grade ({error})")


def _ingest(client: Client, corpus: Path, collection: str, *, quiet: bool) -> None:
    try:
        with corpus.open("rb") as file:
            lines = sum(1 for _ in file)
    except OSError as error:
        fail(f"{corpus} cannot be read ({error.strerror})")
    with contextlib.suppress(AlreadyExists):
        client.admin.create_collection(collection, description=f"corpus of {corpus.parent.name}")

    def readable() -> Iterator[NewDocument]:
        for document in documents((corpus,), collection):
            if isinstance(document, Unreadable):
                raise RagstoneError(f"{document.document}: {document.reason}")
            yield document

    with Progress(console=Console(stderr=True), disable=quiet, transient=True) as progress:
        task = progress.add_task("storing the corpus", total=lines)
        for acknowledgement in client.ingest(readable()):
            if acknowledgement.outcome is Outcome.FAILED and acknowledgement.error:
                click.echo(f"{acknowledgement.document}: {acknowledgement.error.message}", err=True)
            progress.advance(task)
    client.retrieve("ready", top_k=1, collection=collection, min_watermark="session", timeout=600)


def _run(client: Client, queries: Sequence[tuple[str, str]], collection: str, *, quiet: bool) -> Iterator[Scored]:
    """The ranking of documents for each query: a document has the place of its best passage."""
    with Progress(console=Console(stderr=True), disable=quiet, transient=True) as progress:
        for query, text in progress.track(queries, description="asking"):
            best: dict[str, int] = {}
            for passage in client.retrieve(text, top_k=PASSAGES, collection=collection):
                best.setdefault(passage.document, passage.rank)
            for document in list(best)[:DEPTH]:
                yield Scored(query, document, -float(best[document]))


def _measure(judged: Sequence[Judged], run: Sequence[Scored]) -> dict[str, dict[str, float]]:
    try:
        import ir_measures
    except ImportError:
        fail("the measures need the extra `eval`: pip install 'ragstone-server[eval]'")
    measures = {"nDCG@10": ir_measures.nDCG @ 10, "recall@100": ir_measures.R @ DEPTH, "MRR@10": ir_measures.RR @ 10}
    by_name = {str(measure): name for name, measure in measures.items()}
    values: dict[str, list[float]] = {name: [] for name in measures}
    qrels = [ir_measures.Qrel(row.query_id, row.doc_id, row.relevance) for row in judged]
    scored = [ir_measures.ScoredDoc(row.query_id, row.doc_id, row.score) for row in run]
    for metric in ir_measures.iter_calc(list(measures.values()), qrels, scored):
        values[by_name[str(metric.measure)]].append(metric.value)
    return {name: _interval(np.array(found)) for name, found in values.items()}


def _interval(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> dict[str, float]:
    """Mean and percentile bootstrap interval (Efron 1979), over queries, with a fixed seed."""
    draws = np.random.default_rng(0).integers(0, len(values), (RESAMPLES, len(values)))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values[draws].mean(axis=1), (tail, 1 - tail))
    return {"value": float(values.mean()), "low": float(low), "high": float(high)}

"""`ragstone bench`."""

import dataclasses
import json
import logging
import sys
import tempfile
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from ragstone_server.cli.common import fail, json_option

KAFKA_PARTS = ("rates", "embedding", "delays", "queries")


@click.group("bench")
def bench_command() -> None:
    """Measure this machine: each figure stands beside a floor of the same run."""


@bench_command.command("retrieve")
@click.option(
    "--corpus",
    "corpora",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    multiple=True,
    help="Texts, a passage each: JSON lines with `text`, or TSV with a column `text` or `summary`. Again for more files.",
)
@click.option("--passages", type=click.IntRange(min=1000), help="Most passages to take.  [default: all]")
@click.option(
    "--scratch",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to fill once and to keep.  [default: one that is removed]",
)
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a report with plots there.")
@json_option
def retrieve(
    corpora: tuple[Path, ...], passages: int | None, scratch: Path | None, html: Path | None, as_json: bool
) -> None:
    """Measure retrieval by 1, 4, 16 and 64 callers at once, over a corpus that is loaded first.

    The vectors are embedded once and kept beside the corpus; at 19 tokens a text that takes 40 minutes a million on two cores.
    """
    from ragstone_server.bench.corpus import BadCorpus, read_corpus
    from ragstone_server.bench.retrieval import measure_retrieval
    from ragstone_server.bench.table import table_of

    if html is not None and find_spec("matplotlib") is None:
        fail("--html needs the extra `bench`: pip install 'ragstone-server[bench]'")
    console = Console(stderr=True)
    try:
        texts = read_corpus(corpora, passages)
    except BadCorpus as error:
        fail(str(error))
    with tempfile.TemporaryDirectory(prefix="ragstone-bench-") as temporary, Progress(console=console) as shown:
        folder = scratch or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        task = shown.add_task("starting", total=None)
        measured = measure_retrieval(
            corpora[0],
            texts,
            folder,
            lambda what: shown.update(task, description=what, total=None),
            lambda done, of: shown.update(task, completed=done, total=of),
        )
    if html is not None:
        from ragstone_server.bench.page import html_of

        html.write_text(html_of(measured), "utf-8")
    if as_json:
        json.dump(dataclasses.asdict(measured), sys.stdout, indent=2)
    else:
        table_of(measured, Console())


@bench_command.command("kafka")
@click.option("--bootstrap-servers", required=True, help="HOST:PORT of a Kafka; topics are made in it and removed.")
@click.option(
    "--postgresql-url",
    required=True,
    envvar="RAGSTONE_POSTGRESQL_URL",
    show_envvar=True,
    help="A PostgreSQL; databases are made in it and removed.",
)
@click.option(
    "--corpus",
    "corpora",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    multiple=True,
    help="Texts, as of `bench retrieve`; a few hundred are taken for what is embedded.  Again for more files.",
)
@click.option("--documents", default=10_000, show_default=True, type=click.IntRange(min=100), help="Of the rates.")
@click.option("--embed", default=500, show_default=True, type=click.IntRange(min=100), help="Texts that are embedded.")
@click.option("--only", multiple=True, type=click.Choice(KAFKA_PARTS), help="Parts to measure.  [default: all]")
@json_option
def kafka(
    bootstrap_servers: str,
    postgresql_url: str,
    corpora: tuple[Path, ...],
    documents: int,
    embed: int,
    only: tuple[str, ...],
    as_json: bool,
) -> None:
    """Measure documents by Kafka into a catalog in PostgreSQL, beside the bare client library and the embedder alone."""
    from ragstone_server.bench.corpus import BadCorpus, read_corpus
    from ragstone_server.bench.kafka.measuring import measure_parts
    from ragstone_server.bench.kafka.services import Services
    from ragstone_server.bench.table import printed

    # While a topic is made its leaders are looked for, which is no news.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        texts = read_corpus(corpora, embed)
    except BadCorpus as error:
        fail(str(error))
    with tempfile.TemporaryDirectory(prefix="ragstone-bench-") as folder, ExitStack() as made:
        services = Services(bootstrap=bootstrap_servers, postgresql=postgresql_url, folder=Path(folder), made=made)
        found = {}
        for name, told in measure_parts(services, texts, documents, only or KAFKA_PARTS):
            found[name] = told.figures
            if not as_json:
                printed(told.title, told.header, told.rows, Console())
    if as_json:
        json.dump(found, sys.stdout, indent=2)

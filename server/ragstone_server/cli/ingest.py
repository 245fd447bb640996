"""`ragstone ingest`."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ragstone import Client, NewDocument, Outcome
from ragstone_server.cli.common import collection_option, connected, json_option, print_json, server_option
from ragstone_server.cli.sources import Unreadable, count, documents

SHOWN_FAILURES = 20


class Report:
    """What became of the documents."""

    def __init__(self) -> None:
        self.counts: Counter[Outcome] = Counter()
        self.failures: list[dict[str, str]] = []

    def fail(self, document: str, reason: str, message: str) -> None:
        """Count one that failed."""
        self.counts[Outcome.FAILED] += 1
        self.failures.append({"document": document, "reason": reason, "message": message})


@click.command("ingest")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@collection_option
@click.option("--no-wait", is_flag=True, help="Do not wait until what was stored is searchable.")
@server_option
@json_option
def ingest_command(paths: tuple[Path, ...], collection: str, no_wait: bool, server: str, as_json: bool) -> None:
    """Store documents: files, folders with all below them, and .jsonl with one document a line.

    A line has `id` (or `_id`), `title`, `text` and `metadata`. Sending what is stored already costs little. Exit status 1 says
    that a document failed, or that the server was lost; what is reported as stored is stored.
    """
    report = Report()
    try:
        with connected(server) as client:
            _send(client, paths, collection, report, quiet=as_json)
            if not no_wait and report.counts.total() > report.counts[Outcome.FAILED]:
                client.retrieve("ready", top_k=1, collection=collection, min_watermark="session", timeout=600)
    except BaseException:  # a server that is gone, or Ctrl-C: what was acknowledged until then is stored, and is told
        if report.counts.total():
            _tell(report, as_json=as_json)
        raise
    _tell(report, as_json=as_json)
    sys.exit(1 if report.failures else 0)


def _tell(report: Report, *, as_json: bool) -> None:
    stored, unchanged = report.counts[Outcome.STORED], report.counts[Outcome.UNCHANGED]
    if as_json:
        print_json(
            {
                "stored": stored,
                "unchanged": unchanged,
                "failed": len(report.failures),
                "failures": report.failures,
            }
        )
        return
    click.echo(f"{stored} stored, {unchanged} unchanged, {len(report.failures)} failed")
    for failure in report.failures[:SHOWN_FAILURES]:
        click.echo(f"  {failure['document']}: {failure['message']} ({failure['reason']})", err=True)
    if len(report.failures) > SHOWN_FAILURES:
        click.echo(f"  and {len(report.failures) - SHOWN_FAILURES} more; --json lists them all", err=True)


def _send(client: Client, paths: tuple[Path, ...], collection: str, report: Report, *, quiet: bool) -> None:
    def readable() -> Iterator[NewDocument]:
        for document in documents(paths, collection):
            if isinstance(document, Unreadable):
                report.fail(document.document, "UNREADABLE", document.reason)
            else:
                yield document

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=quiet,
        transient=True,
    ) as progress:
        task = progress.add_task("storing", total=count(paths))
        for done, acknowledgement in enumerate(client.ingest(readable()), 1):
            if acknowledgement.error is not None:
                error = acknowledgement.error
                report.fail(acknowledgement.document, error.reason, error.message)
            else:
                report.counts[acknowledgement.outcome] += 1
            total = progress.tasks[0].total or 0
            progress.update(task, completed=done, total=max(done, total))

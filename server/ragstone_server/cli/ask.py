"""`ragstone ask`."""

import math
import sys
from collections.abc import Iterable
from typing import Any, TextIO

import click

from ragstone import (
    Abstention,
    AnswerFormat,
    AttemptDiscarded,
    AttemptStarted,
    Completed,
    Degraded,
    Delta,
    Event,
    Evidence,
    MidStream,
    Passage,
)
from ragstone.protojson import to_json
from ragstone_server.cli.common import collection_option, connected, json_option, server_option

_ABSTENTIONS = {
    Abstention.NO_RELEVANT_CONTENT: "The documents do not say.",
    Abstention.LOW_GROUNDING: "What the model answered is not supported by the documents.",
    Abstention.BUDGET: "Every model may cost more than that.",
    Abstention.POLICY: "The models refuse this question, or its answer.",
    Abstention.NO_PERMITTED_CONTENT: "There is no document that you may read.",
}


@click.command("ask")
@click.argument("question")
@collection_option
@click.option(
    "--filter", "-f", "filter_", help="Only documents whose metadata match, as in 'year >= 2024 AND kind = \"policy\"'."
)
@click.option("-k", "top_k", type=int, help="Number of passages to answer from.")
@click.option("--route", help="Route of models to answer by.")
@click.option(
    "--mid-stream",
    type=click.Choice(list(MidStream), case_sensitive=False),
    help="What happens when a model fails after its first token.",
)
@click.option(
    "--max-cost",
    type=click.FloatRange(min=0, max=1_000_000),
    help="Most that the answer may cost, in US dollars; what may cost more is not asked.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(list(AnswerFormat), case_sensitive=False),
    help="How the answer is written.",
)
@click.option(
    "--json-schema",
    type=click.File(encoding="utf-8"),
    help="File with the JSON Schema of an answer in JSON; - is the standard input.",
)
@server_option
@json_option
def ask_command(
    question: str,
    collection: str,
    filter_: str | None,
    top_k: int | None,
    route: str | None,
    mid_stream: MidStream | None,
    max_cost: float | None,
    format_: AnswerFormat | None,
    json_schema: TextIO | None,
    server: str,
    as_json: bool,
) -> None:
    """Ask a question; the answer streams in, then its sources.

    With --json each event of the stream is one line of ProtoJSON.
    """
    options: dict[str, Any] = {
        "collection": collection,
        "filter": filter_,
        "top_k": top_k,
        "route": route,
        "mid_stream": mid_stream,
        "max_cost": max_cost,
        "format": format_,
        "json_schema": json_schema.read() if json_schema is not None else None,
    }
    if max_cost is not None and not math.isfinite(max_cost):
        raise click.BadParameter("is an amount of US dollars", param_hint="--max-cost")
    with connected(server) as client:
        if as_json:
            for response in client.responses(question, **options):
                click.echo(to_json(response))
        else:
            _stream(client.query(question, **options))


def _stream(events: Iterable[Event]) -> None:
    passages: dict[int, Passage] = {}
    for event in events:
        match event:
            case Evidence():
                passages = {passage.rank: passage for passage in event.passages}
            case Delta(text=text):
                sys.stdout.write(text)
                sys.stdout.flush()
            case AttemptDiscarded():
                click.echo(f"\n[{event.reason}; {_next(event)}]", err=True)
            case AttemptStarted(continues=True):
                click.echo(f"[{event.model} goes on]", err=True)
            case Degraded():
                click.echo(f"[{event.stage} {event.reason}]", err=True)
            case Completed():
                _end(event, passages)


def _next(discarded: AttemptDiscarded) -> str:
    return f"{discarded.next_model} answers anew" if discarded.next_model else "it is void"


def _end(completed: Completed, passages: dict[int, Passage]) -> None:
    if completed.abstention is not None:
        click.echo(_ABSTENTIONS.get(completed.abstention, f"There is no answer ({completed.abstention})."))
        return
    click.echo("\n")
    if completed.grounding is not None:
        for sentence in completed.grounding.sentences:
            if not sentence.supported:
                click.echo(f"[the sources do not support: {' '.join(sentence.text.split())}]", err=True)
    for number in sorted({citation.number for citation in completed.citations}):
        click.echo(source_line(passages[number]))


def source_line(passage: Passage) -> str:
    """A numbered source, for people."""
    place = f", page {passage.page}" if passage.page is not None else ""
    section = f" › {passage.headings[-1]}" if passage.headings and passage.headings[-1] != passage.title else ""
    return f"  [{passage.rank}] {passage.title}{section} ({passage.document}{place})"

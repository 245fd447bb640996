"""`ragstone retrieve`."""

import click

from ragstone import Passage
from ragstone_server.cli.common import collection_option, connected, json_option, print_json, server_option

SHOWN_CHARACTERS = 300


@click.command("retrieve")
@click.argument("question")
@click.option("-k", "top_k", default=10, show_default=True, help="Number of passages.")
@collection_option
@click.option(
    "--filter", "-f", "filter_", help="Only documents whose metadata match, as in 'year >= 2024 AND kind = \"policy\"'."
)
@server_option
@json_option
def retrieve_command(
    question: str, top_k: int, collection: str, filter_: str | None, server: str, as_json: bool
) -> None:
    """Find the passages for a question, without an answer."""
    with connected(server) as client:
        passages = client.retrieve(question, top_k=top_k, collection=collection, filter=filter_)
    if as_json:
        print_json({"passages": [_row(passage) for passage in passages], "watermark": passages.watermark})
        return
    if not passages:
        click.echo("nothing was found")
    for passage in passages:
        page = f", page {passage.page}" if passage.page is not None else ""
        click.secho(f"{passage.rank:>2}. {passage.title} ({passage.document}{page})  {passage.score:.3f}", bold=True)
        text = " ".join(passage.text.split())
        click.echo(f"    {text[:SHOWN_CHARACTERS]}{'…' if len(text) > SHOWN_CHARACTERS else ''}\n")


def _row(passage: Passage) -> dict[str, object]:
    return {
        "rank": passage.rank,
        "document": passage.document,
        "chunk": passage.chunk,
        "title": passage.title,
        "uri": passage.uri,
        "page": passage.page,
        "headings": list(passage.headings),
        "text": passage.text,
        "version": passage.version,
        "score": passage.score,
        "scores": dict(passage.scores),
    }

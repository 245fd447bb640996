"""`ragstone admin generations`."""

import json
from pathlib import Path
from typing import Any

import click

from ragstone import OperationState
from ragstone.protojson import to_dict
from ragstone.v1 import generation_pb2
from ragstone_server.cli.common import (
    collection_option,
    connected,
    json_option,
    print_json,
    print_table,
    readable_errors,
    server_option,
)
from ragstone_server.cli.comparing import print_comparison
from ragstone_server.cli.following import follow, leave, row
from ragstone_server.cli.progress import told
from ragstone_server.cli.texts import lines_of

_NUMBER = click.IntRange(1, 999_999_999)
_FILE = click.Path(path_type=Path)


@click.group("generations")
def generations_command() -> None:
    """Generations of a collection's index: build the next one, compare, activate, roll back, delete."""


@generations_command.command("list")
@collection_option
@server_option
@json_option
def list_(collection: str, server: str, as_json: bool) -> None:
    """List the generations; * marks the one that answers."""
    with connected(server) as client:
        generations = client.admin.generations.list(collection=collection)
    if as_json:
        print_json({"generations": [to_dict(each) for each in generations]})
        return
    rows = [
        {
            "": "*" if each.state == generation_pb2.GENERATION_STATE_LIVE else "",
            "generation": _number(each.name),
            "state": _state(each.state),
            "embedder": each.embedder,
            "chunker": each.chunker,
            "created": each.create_time.ToJsonString(),
            "activated": each.activate_time.ToJsonString() if each.HasField("activate_time") else "",
        }
        for each in generations
    ]
    if rows:
        print_table(rows, list(rows[0]))
    else:
        click.echo("no generations: the first begins with the first document")


@generations_command.command("reindex")
@click.option("--embedder", help="Provider that embeds; left out: as the server is configured.")
@click.option("--embedder-set", multiple=True, metavar="KEY=VALUE", help="A setting of that provider; may be repeated.")
@click.option("--chunker", help="Provider that cuts; left out: as the server is configured.")
@click.option("--chunker-set", multiple=True, metavar="KEY=VALUE", help="A setting of that provider; may be repeated.")
@click.option("--no-wait", is_flag=True, help="Print the operation's name and return at once.")
@collection_option
@server_option
@json_option
def reindex(
    embedder: str | None,
    embedder_set: tuple[str, ...],
    chunker: str | None,
    chunker_set: tuple[str, ...],
    no_wait: bool,
    collection: str,
    server: str,
    as_json: bool,
) -> None:
    """Build the next generation beside the live one, which goes on answering.

    Exit status 0: it is ready; 1: it failed; 3: it was cancelled.
    """
    for name, use, settings in (("embedder", embedder, embedder_set), ("chunker", chunker, chunker_set)):
        if settings and use is None:
            raise click.UsageError(f"--{name}-set needs --{name}, the provider that the setting is of")
    embedder_config, chunker_config = _settings("embedder", embedder_set), _settings("chunker", chunker_set)
    with connected(server) as client:
        operation = client.admin.generations.reindex(
            collection=collection,
            embedder=embedder,
            embedder_config=embedder_config,
            chunker=chunker,
            chunker_config=chunker_config,
        )
        if not no_wait:
            operation = follow(client, operation, told)
    if no_wait:
        print_json(row(operation)) if as_json else click.echo(operation.name)
        return
    if as_json or operation.state is not OperationState.SUCCEEDED:
        leave(operation, as_json=as_json)
    response = operation.result()
    assert isinstance(response, generation_pb2.ReindexResponse)
    number = _number(response.generation)
    click.echo(
        f"generation {number} is ready: {response.documents} documents, {response.passages} passages, "
        f"{response.embedded} embedded; `ragstone admin generations compare {number}` shows what it changes, "
        f"`ragstone admin generations activate {number}` answers from it"
    )


@generations_command.command("compare")
@click.argument("number", type=_NUMBER)
@click.argument("base", type=_NUMBER, required=False)
@click.option("--question", "-q", "questions", multiple=True, help="Question to ask both; may be repeated.")
@click.option("--questions", "file", type=_FILE, help="File of questions, one a line.")
@click.option("--sample", type=click.IntRange(1, 500), help="Most recorded questions that are asked.  [default: 100]")
@click.option("--top-k", type=click.IntRange(1, 100), help="Passages of each ranking.")
@click.option("--filter", "filter_", default="", help="Filter that documents pass.")
@click.option("--show", type=click.IntRange(0), default=10, show_default=True, help="Questions to print.")
@collection_option
@server_option
@json_option
@readable_errors
def compare(
    number: int,
    base: int | None,
    questions: tuple[str, ...],
    file: Path | None,
    sample: int | None,
    top_k: int | None,
    filter_: str,
    show: int,
    collection: str,
    server: str,
    as_json: bool,
) -> None:
    """Show how the rankings of generation NUMBER differ from those of BASE, or of the live one.

    Asks both the latest recorded questions, or those that are given; the questions that differ most are printed.
    """
    asked = [*questions, *(lines_of(file) if file else ())]
    with connected(server) as client:
        compared = client.admin.generations.compare(
            number, base, collection=collection, questions=asked, sample=sample, top_k=top_k, filter=filter_
        )
    if as_json:
        print_json(to_dict(compared))
    else:
        print_comparison(compared, show)


@generations_command.command("activate")
@click.argument("number", type=_NUMBER)
@collection_option
@server_option
@json_option
def activate(number: int, collection: str, server: str, as_json: bool) -> None:
    """Answer from a generation, from the next question on. Waits until the server's views of it have come up."""
    with connected(server) as client:
        generation = client.admin.generations.activate(number, collection=collection)
    _say(generation, as_json, "generation {} answers")


@generations_command.command("roll-back")
@collection_option
@server_option
@json_option
def roll_back(collection: str, server: str, as_json: bool) -> None:
    """Answer from the generation again that did so before."""
    with connected(server) as client:
        generation = client.admin.generations.roll_back(collection=collection)
    _say(generation, as_json, "generation {} answers again")


@generations_command.command("delete")
@click.argument("number", type=_NUMBER)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--no-wait", is_flag=True, help="Print the operation's name and return at once.")
@collection_option
@server_option
@json_option
def delete(number: int, yes: bool, no_wait: bool, collection: str, server: str, as_json: bool) -> None:
    """Delete a generation that does not answer, with its passages, vectors and files.

    Exit status 0: it is gone; 1: it failed; 3: it was cancelled.
    """
    if not yes:
        if as_json:
            raise click.UsageError("--json needs --yes")
        click.confirm(f"delete generation {number} of {collection}?", abort=True, err=True)
    with connected(server) as client:
        operation = client.admin.generations.delete(number, collection=collection)
        if not no_wait:
            operation = follow(client, operation, told)
    if no_wait:
        print_json(row(operation)) if as_json else click.echo(operation.name)
        return
    if not as_json and operation.state is OperationState.SUCCEEDED:
        click.echo(f"deleted generation {number}")
    leave(operation, as_json=as_json)


def _settings(kind: str, given: tuple[str, ...]) -> dict[str, Any]:
    """Values are JSON where they can be read as such, otherwise texts."""
    settings: dict[str, Any] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals or not key:
            raise click.UsageError(f"--{kind}-set {each!r} is not of the form KEY=VALUE")
        try:
            settings[key] = json.loads(value)
        except ValueError:
            settings[key] = value
    return settings


def _say(generation: generation_pb2.IndexGeneration, as_json: bool, sentence: str) -> None:
    if as_json:
        print_json(to_dict(generation))
    else:
        click.echo(sentence.format(_number(generation.name)))


def _number(name: str) -> int:
    return int(name.rpartition("/")[2])


def _state(state: generation_pb2.GenerationState.ValueType) -> str:
    return generation_pb2.GenerationState.Name(state).removeprefix("GENERATION_STATE_").lower()

"""`ragstone admin questions`."""

import click

from ragstone.protojson import to_dict
from ragstone_server.cli.common import (
    collection_option,
    connected,
    json_option,
    print_json,
    print_table,
    server_option,
)


@click.group("questions")
def questions_command() -> None:
    """Questions that are recorded to compare generations with."""


@questions_command.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Most questions.")
@collection_option
@server_option
@json_option
def list_(limit: int, collection: str, server: str, as_json: bool) -> None:
    """List the recorded questions, the latest first."""
    with connected(server) as client:
        questions = client.admin.generations.questions(collection=collection, limit=limit)
    if as_json:
        print_json({"questions": [to_dict(each) for each in questions]})
        return
    rows = [
        {"asked": each.ask_time.ToJsonString(), "times": each.times, "question": each.question} for each in questions
    ]
    if rows:
        print_table(rows, list(rows[0]))
    else:
        click.echo("no questions")


@questions_command.command("purge")
@click.option("--yes", is_flag=True, help="Do not ask.")
@collection_option
@server_option
@json_option
def purge(yes: bool, collection: str, server: str, as_json: bool) -> None:
    """Delete the recorded questions of a collection."""
    if not yes:
        if as_json:
            raise click.UsageError("--json needs --yes")
        click.confirm(f"delete the recorded questions of {collection}?", abort=True, err=True)
    with connected(server) as client:
        purged = client.admin.generations.purge_questions(collection=collection)
    if as_json:
        print_json({"purged": purged})
    else:
        click.echo(f"{purged} deleted")

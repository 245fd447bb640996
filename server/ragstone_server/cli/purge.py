"""`ragstone admin purge`."""

import sys
from typing import NoReturn

import click

from ragstone import Operation, OperationState
from ragstone.v1 import ingest_service_pb2
from ragstone_server.cli.common import collection_option, connected, json_option, print_json, server_option
from ragstone_server.cli.following import follow, leave, row
from ragstone_server.cli.progress import told
from ragstone_server.cli.texts import printable

SHOWN = 10


@click.command("purge")
@click.argument("filter_", metavar="FILTER")
@collection_option
@click.option("--force", is_flag=True, help="Delete them. Without it they are only counted.")
@click.option("--yes", is_flag=True, help="Do not ask before deleting.")
@click.option("--no-wait", is_flag=True, help="Print the operation's name and return at once.")
@server_option
@json_option
def purge_command(
    filter_: str, collection: str, force: bool, yes: bool, no_wait: bool, server: str, as_json: bool
) -> None:
    """Delete the documents that pass a filter; '*' is all. Without --force, count them and name some.

    Exit status 0: done; 1: it failed; 3: it was cancelled.
    """
    if force and not yes:
        if as_json:
            raise click.UsageError("--force with --json needs --yes")
        click.confirm(f"delete all documents of {collection} with {filter_!r}?", abort=True, err=True)
    with connected(server) as client:
        operation = client.purge_documents(filter_, collection=collection, force=force)
        if not no_wait:
            operation = follow(client, operation, told)
    if no_wait:
        print_json(row(operation)) if as_json else click.echo(operation.name)
        return
    _leave(operation, as_json=as_json)


def _leave(operation: Operation, *, as_json: bool) -> NoReturn:
    if as_json or operation.state is not OperationState.SUCCEEDED:
        leave(operation, as_json=as_json)
    response = operation.result()
    assert isinstance(response, ingest_service_pb2.PurgeDocumentsResponse)
    if response.force:
        skipped = f", {response.skipped} left, since they were changed meanwhile" if response.skipped else ""
        click.echo(f"{response.deleted} deleted{skipped}")
        sys.exit(0)
    click.echo(f"{response.matched} would be deleted; --force deletes them")
    for name in response.sample[:SHOWN]:
        click.echo(f"  {printable(name.partition('/documents/')[2], keep='')}")
    if response.matched > SHOWN:
        click.echo(f"  and {response.matched - SHOWN} more")
    sys.exit(0)

"""`ragstone admin snapshots`: create, list, restore, delete."""

import sys

import click

from ragstone import Client, Operation, OperationState
from ragstone.protojson import to_dict
from ragstone.snapshots import snapshot_name
from ragstone.v1 import snapshot_pb2
from ragstone_server.cli.common import connected, json_option, print_json, print_table, server_option
from ragstone_server.cli.following import FOUND, follow, leave, row
from ragstone_server.cli.progress import told
from ragstone_server.cli.texts import printable

SHOWN = 10
STATES = {snapshot_pb2.SNAPSHOT_STATE_COMPLETE: "complete", snapshot_pb2.SNAPSHOT_STATE_DAMAGED: "damaged"}

no_wait_option = click.option("--no-wait", is_flag=True, help="Print the operation's name and return at once.")


@click.group("snapshots")
def snapshots_command() -> None:
    """Copies of the catalog: create, list, restore, delete."""


@snapshots_command.command("create")
@click.argument("name", default="")
@click.option("--description", default="", help="For people.")
@no_wait_option
@server_option
@json_option
def create(name: str, description: str, no_wait: bool, server: str, as_json: bool) -> None:
    """Copy the catalog, while the server goes on. Without NAME the snapshot is named by the time.

    Exit status 0: it is on disk; 1: it failed; 3: it was cancelled.
    """
    with connected(server) as client:
        operation = _followed(client, client.admin.snapshots.create(name, description=description), no_wait, as_json)
    if not as_json and operation.state is OperationState.SUCCEEDED:
        response = operation.result()
        assert isinstance(response, snapshot_pb2.CreateSnapshotResponse)
        made = response.snapshot
        click.echo(
            f"{made.name}: {_size(made.size_bytes)}, {made.document_count} documents of "
            f"{made.collection_count} collections"
        )
    leave(operation, as_json=as_json)


@snapshots_command.command("list")
@click.option(
    "--verify", is_flag=True, help="Read the files and compare their checksums: about a second for a gigabyte."
)
@server_option
@json_option
def list_(verify: bool, server: str, as_json: bool) -> None:
    """List the snapshots.

    Exit status 0: no damage was found; 5: a snapshot is damaged.
    """
    with connected(server) as client:
        found = list(client.admin.snapshots.list(verify=verify))
    if as_json:
        print_json({"snapshots": [to_dict(each) for each in found]})
    elif found:
        columns = ["snapshot", "created", "size", "collections", "documents", "state", "description"]
        print_table([_row(each) for each in found], columns)
    else:
        click.echo("no snapshots")
    sys.exit(FOUND if any(each.state == snapshot_pb2.SNAPSHOT_STATE_DAMAGED for each in found) else 0)


@snapshots_command.command("restore")
@click.argument("name")
@click.option(
    "--force", is_flag=True, help="Replace the catalog. Without it the snapshot is only checked and compared."
)
@click.option("--yes", is_flag=True, help="Do not ask before replacing.")
@no_wait_option
@server_option
@json_option
def restore(name: str, force: bool, yes: bool, no_wait: bool, server: str, as_json: bool) -> None:
    """Check a snapshot, and tell what restoring it would lose; with --force put it in the place of the catalog.

    Exit status 0: done; 1: it failed, and nothing was replaced; 3: it was cancelled.
    """
    if force and not yes:
        if as_json:
            raise click.UsageError("--force with --json needs --yes")
        click.confirm(f"replace the catalog by {snapshot_name(name)}?", abort=True, err=True)
    with connected(server) as client:
        operation = _followed(client, client.admin.snapshots.restore(name, force=force), no_wait, as_json)
    if not as_json and operation.state is OperationState.SUCCEEDED:
        response = operation.result()
        assert isinstance(response, snapshot_pb2.RestoreSnapshotResponse)
        _print_restore(response)
    leave(operation, as_json=as_json)


@snapshots_command.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@server_option
@json_option
def delete(name: str, yes: bool, server: str, as_json: bool) -> None:
    """Delete a snapshot."""
    if not yes:
        if as_json:
            raise click.UsageError("--json needs --yes")
        click.confirm(f"delete {snapshot_name(name)}?", abort=True, err=True)
    with connected(server) as client:
        client.admin.snapshots.delete(name)
    if as_json:
        print_json({"name": snapshot_name(name)})
    else:
        click.echo(f"deleted {snapshot_name(name)}")


def _followed(client: Client, operation: Operation, no_wait: bool, as_json: bool) -> Operation:
    if not no_wait:
        return follow(client, operation, told)
    print_json(row(operation)) if as_json else click.echo(operation.name)
    sys.exit(0)


def _print_restore(response: snapshot_pb2.RestoreSnapshotResponse) -> None:
    verb = "were" if response.force else "would be"
    for each in response.differences[:SHOWN]:
        missing = ", the collection with them" if each.missing else ""
        line = f"  {each.collection}: {each.lost} lost, {each.returning} back{missing}"
        click.echo(printable(line, keep=""))
    if response.difference_count > SHOWN:
        click.echo(f"  and {response.difference_count - SHOWN} collections more")
    if response.schema != response.migrated_schema:
        click.echo(f"  its schema {response.schema} {'was' if response.force else 'would be'} migrated")
    click.echo(
        f"{response.documents_lost} documents written since {verb} lost, "
        f"{response.documents_returning} deleted since {'are' if response.force else 'would be'} back"
    )
    if response.force:
        click.echo(f"{response.snapshot} is the catalog; the former one is kept as {response.former_catalog}")
    else:
        click.echo(f"{response.snapshot} is whole; --force puts it in the place of the catalog")


def _row(snapshot: snapshot_pb2.Snapshot) -> dict[str, str]:
    state = STATES.get(snapshot.state, "unknown")
    known = snapshot.HasField("create_time")
    return {
        "snapshot": snapshot.name.partition("/")[2],
        "created": snapshot.create_time.ToDatetime().isoformat(timespec="seconds") + "Z" if known else "-",
        "size": _size(snapshot.size_bytes) if known else "-",
        "collections": str(snapshot.collection_count) if known else "-",
        "documents": str(snapshot.document_count) if known else "-",
        "state": f"{state}: {snapshot.problem}"
        if snapshot.problem
        else f"{state}{', verified' if snapshot.verified else ''}",
        "description": printable(snapshot.description, keep=""),
    }


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.2f} GB"

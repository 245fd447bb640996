"""`ragstone collections`."""

from typing import Any

import click

from ragstone.protojson import to_dict
from ragstone.v1 import admin_service_pb2
from ragstone_server.cli.common import connected, json_option, print_json, print_table, server_option

READERS = {
    "tenant": admin_service_pb2.DEFAULT_READERS_TENANT,
    "nobody": admin_service_pb2.DEFAULT_READERS_NOBODY,
}
SCHEMES = {
    "number": admin_service_pb2.VERSION_SCHEME_NUMBER,
    "event-time": admin_service_pb2.VERSION_SCHEME_EVENT_TIME,
}


def _given_late(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value:
        context.obj[parameter.name] = value


late_server_option = click.option(
    "--server", metavar="HOST:PORT", expose_value=False, callback=_given_late, help="Where the server listens."
)
late_json_option = click.option(
    "--json", "as_json", is_flag=True, expose_value=False, callback=_given_late, help="Print JSON, for machines."
)


@click.group("collections", invoke_without_command=True)
@server_option
@json_option
@click.pass_context
def collections_command(context: click.Context, server: str, as_json: bool) -> None:
    """List, create, change and delete collections."""
    if context.invoked_subcommand is not None:
        context.obj = {"server": server, "as_json": as_json}
        return
    with connected(server) as client:
        rows = [_row(collection) for collection in client.admin.collections()]
    if as_json:
        print_json({"collections": rows})
    else:
        print_table(rows, ["collection", "documents", "readers", "versions", "description"])


@collections_command.command("create")
@click.argument("collection")
@click.option("--description", default="", help="For people.")
@click.option("--readers", type=click.Choice(list(READERS)), default="tenant", help="Who reads what names no readers.")
@click.option("--versions", type=click.Choice(list(SCHEMES)), default="number", help="What versions are.")
@late_server_option
@late_json_option
@click.pass_obj
def create(obj: dict[str, Any], collection: str, description: str, readers: str, versions: str) -> None:
    """Create a collection."""
    with connected(obj["server"]) as client:
        made = client.admin.create_collection(
            collection, description=description, default_readers=READERS[readers], version_scheme=SCHEMES[versions]
        )
    _say(obj, made, "created")


@collections_command.command("update")
@click.argument("collection")
@click.option("--description", help="For people.")
@click.option("--readers", type=click.Choice(list(READERS)), help="Who reads what names no readers.")
@late_server_option
@late_json_option
@click.pass_obj
def update(obj: dict[str, Any], collection: str, description: str | None, readers: str | None) -> None:
    """Change a collection."""
    settings: dict[str, Any] = {}
    if description is not None:
        settings["description"] = description
    if readers is not None:
        settings["default_readers"] = READERS[readers]
    if not settings:
        raise click.UsageError("nothing to change; give --description or --readers")
    with connected(obj["server"]) as client:
        changed = client.admin.update_collection(collection, **settings)
    _say(obj, changed, "changed")


@collections_command.command("delete")
@click.argument("collection")
@click.option("--force", is_flag=True, help="Also where it holds documents.")
@late_server_option
@late_json_option
@click.pass_obj
def delete(obj: dict[str, Any], collection: str, force: bool) -> None:
    """Delete a collection."""
    with connected(obj["server"]) as client:
        client.admin.delete_collection(collection, force=force)
    if obj["as_json"]:
        print_json({"collection": collection})
    else:
        click.echo(f"deleted {collection}")


def _say(obj: dict[str, Any], collection: admin_service_pb2.Collection, what: str) -> None:
    if obj["as_json"]:
        print_json(to_dict(collection))
    else:
        click.echo(f"{what} {collection.name.rpartition('/')[2]}")


def _row(collection: admin_service_pb2.Collection) -> dict[str, Any]:
    enums = admin_service_pb2
    return {
        "collection": collection.name.rpartition("/")[2],
        "name": collection.name,
        "documents": collection.document_count,
        "readers": enums.DefaultReaders.Name(collection.default_readers).removeprefix("DEFAULT_READERS_").lower(),
        "versions": enums.VersionScheme.Name(collection.version_scheme).removeprefix("VERSION_SCHEME_").lower(),
        "description": collection.description,
        "watermark": collection.watermark,
    }

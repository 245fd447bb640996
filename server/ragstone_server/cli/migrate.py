"""`ragstone migrate`."""

import asyncio
from pathlib import Path

import click

from ragstone_server.cli.common import json_option, print_json, readable_errors, server_option


@click.command("migrate")
@click.option("--config", type=click.Path(path_type=Path), help="Configuration; ragstone.toml here, if there is one.")
@server_option
@json_option
@readable_errors
def migrate_command(config: Path | None, server: str, as_json: bool) -> None:
    """Bring the catalog's database to the schema that this program needs.

    Once for a new database, and after an upgrade, before servers start. It takes a lock: of two at once, the second finds
    nothing to do. Needs no server; servers of the former version are to be stopped.
    """
    from ragstone_server.app.configuration import read_configuration
    from ragstone_server.app.migrating import migrate
    from ragstone_server.registry.discovery import discover

    done = asyncio.run(migrate(discover(), read_configuration(config)))
    if as_json:
        print_json({"done": done})
    else:
        click.echo(done)

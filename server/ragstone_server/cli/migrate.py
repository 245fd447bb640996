"""`ragstone migrate`."""

import asyncio
from pathlib import Path

import click

from ragstone_server.cli.common import json_option, print_json, readable_errors, server_option


@click.command("migrate")
@click.option("--config", type=click.Path(path_type=Path), help="Configuration; ragstone.toml here, if there is one.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="As of `ragstone serve`.")
@click.option(
    "--new-epoch", is_flag=True, help="For a catalog that was restored from a backup: what others know of it is void."
)
@server_option
@json_option
@readable_errors
def migrate_command(config: Path | None, data_dir: Path | None, new_epoch: bool, server: str, as_json: bool) -> None:
    """Bring the catalog's database to the schema that this program needs.

    Once for a new database, and after an upgrade, before servers start. It takes a lock: of two at once, the second finds
    nothing to do. Needs no server; servers of the former version are to be stopped.

    With --new-epoch the catalog gets a new epoch instead, and operations that had not ended are cancelled: watermarks that were
    given before are refused, and indexes are built anew. All servers are to be stopped.
    """
    from ragstone_server.app import migrating
    from ragstone_server.app.configuration import read_configuration
    from ragstone_server.registry.discovery import discover

    overrides = {} if data_dir is None else {"server": {"data_dir": data_dir}}
    work = migrating.new_epoch if new_epoch else migrating.migrate
    done = asyncio.run(work(discover(), read_configuration(config, overrides)))
    if as_json:
        print_json({"done": done})
    else:
        click.echo(done)

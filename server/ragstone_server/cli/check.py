"""`ragstone check`."""

import sys
from pathlib import Path
from typing import Any

import click

from ragstone_server.cli.common import json_option, print_json, server_option


@click.command("check")
@click.option("--config", type=click.Path(path_type=Path), help="Configuration; ragstone.toml here, if there is one.")
@server_option
@json_option
def check_command(config: Path | None, server: str, as_json: bool) -> None:
    """Say what is wrong with a configuration, and where. Needs no server, and opens nothing."""
    from ragstone_server.app.checking import check
    from ragstone_server.app.configuration import Configuration, read_configuration
    from ragstone_server.app.listening import checked_address
    from ragstone_server.config.errors import ConfigurationInvalid
    from ragstone_server.registry.discovery import discover
    from ragstone_server.spi.errors import StartError

    problems: list[str] = []
    selected: dict[str, Any] = {}
    try:
        configuration: Configuration = read_configuration(config)
        selected = {kind: selection.use for kind, selection in sorted(configuration.selections.items())}
        checked_address(configuration.server.listen)
        check(discover(), configuration)
    except ConfigurationInvalid as error:
        problems += [str(problem) for problem in error.problems]
    except StartError as error:
        problems.append(error.message)
    if as_json:
        print_json({"problems": problems, "selected": selected})
    elif problems:
        for problem in problems:
            click.echo(problem, err=True)
    else:
        click.echo("the configuration is valid; it selects:")
        for kind, use in selected.items():
            click.echo(f"  {kind} = {use}")
    sys.exit(1 if problems else 0)

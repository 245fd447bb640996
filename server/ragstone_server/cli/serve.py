"""`ragstone serve`."""

import asyncio
import sys
from pathlib import Path

import click

from ragstone_server.cli.common import json_option, readable_errors


@click.command("serve")
@click.option("--config", type=click.Path(path_type=Path), help="Configuration; ragstone.toml here, if there is one.")
@click.option(
    "--listen", metavar="HOST:PORT", help="Where to listen; port 0 picks a free one.  [default: 127.0.0.1:50051]"
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where to keep everything.")
@json_option
@readable_errors
def serve_command(config: Path | None, listen: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Start the server.

    The first line on standard output is `listening on HOST:PORT`, once it can answer. SIGTERM (or Ctrl-C) lets what is in
    flight complete, and ends. With --json the log is JSON.
    """
    from ragstone_server.app.configuration import read_configuration
    from ragstone_server.app.serve import serve

    server: dict[str, object] = {}
    if listen is not None:
        server["listen"] = listen
    if data_dir is not None:
        server["data_dir"] = data_dir
    if as_json:
        server["log_format"] = "json"
    configuration = read_configuration(config, {"server": server})
    if sys.platform == "win32":
        asyncio.run(serve(configuration))
    else:
        import uvloop

        uvloop.run(serve(configuration))

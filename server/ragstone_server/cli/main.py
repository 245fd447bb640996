"""The command `ragstone`. A command's module is imported when the command is called."""

import importlib
from typing import Any

import click

COMMANDS = {
    "serve": "ragstone_server.cli.serve",
    "ingest": "ragstone_server.cli.ingest",
    "ask": "ragstone_server.cli.ask",
    "retrieve": "ragstone_server.cli.retrieve",
    "documents": "ragstone_server.cli.documents",
    "delete": "ragstone_server.cli.documents",
    "collections": "ragstone_server.cli.collections",
    "prompts": "ragstone_server.cli.prompts",
    "status": "ragstone_server.cli.status",
    "plugins": "ragstone_server.cli.plugins",
    "check": "ragstone_server.cli.check",
    "models": "ragstone_server.cli.models",
    "eval": "ragstone_server.cli.evaluate",
}


class LazyGroup(click.Group):
    """Imports a command when it is needed, so that each starts as fast as it can."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the work, not of the alphabet."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        if cmd_name not in COMMANDS:
            return None
        module: Any = importlib.import_module(COMMANDS[cmd_name])
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ragstone-server", prog_name="ragstone")
def main() -> None:
    """Answers questions from your documents, with checked citations.

    Start a server with `ragstone serve`, give it documents with `ragstone ingest PATH`, and ask with
    `ragstone ask QUESTION`. Every command takes --json for machines, and --help says more.
    """


if __name__ == "__main__":
    main()

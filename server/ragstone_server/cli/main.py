"""The command `ragstone`. A command's module is imported when the command is called."""

import click

from ragstone_server.cli.lazy import LazyGroup

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
    "admin": "ragstone_server.cli.admin",
    "plugins": "ragstone_server.cli.plugins",
    "check": "ragstone_server.cli.check",
    "migrate": "ragstone_server.cli.migrate",
    "models": "ragstone_server.cli.models",
    "eval": "ragstone_server.cli.evaluate",
}


@click.group(
    cls=LazyGroup,
    modules=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="ragstone-server", prog_name="ragstone")
def main() -> None:
    """Answers questions from your documents, with checked citations.

    Start a server with `ragstone serve`, give it documents with `ragstone ingest PATH`, and ask with
    `ragstone ask QUESTION`. Every command takes --json for machines, and --help says more.
    """


if __name__ == "__main__":
    main()

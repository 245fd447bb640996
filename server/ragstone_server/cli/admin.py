"""`ragstone admin`."""

import click

from ragstone_server.cli.lazy import LazyGroup

COMMANDS = {
    "dead-letters": "ragstone_server.cli.dead_letters",
    "purge": "ragstone_server.cli.purge",
    "generations": "ragstone_server.cli.generations",
    "questions": "ragstone_server.cli.questions",
    "verify": "ragstone_server.cli.verify",
    "snapshots": "ragstone_server.cli.snapshots",
    "operations": "ragstone_server.cli.operations",
}


@click.group("admin", cls=LazyGroup, modules=COMMANDS)
def admin_command() -> None:
    """What operators do."""

"""`ragstone plugins`."""

import click

from ragstone.protojson import to_dict
from ragstone_server.cli.common import connected, json_option, print_json, print_table, server_option


@click.command("plugins")
@server_option
@json_option
def plugins_command(server: str, as_json: bool) -> None:
    """List the plugins that the server has, with those that it uses (*)."""
    with connected(server) as client:
        plugins = client.admin.plugins()
    if as_json:
        print_json({"plugins": [to_dict(p) for p in plugins]})
        return
    rows = [
        {
            "kind": plugin.kind or "broken",
            "name": f"{plugin.name}{' *' if plugin.selected else ''}",
            "summary": plugin.error or plugin.summary,
            "from": f"{plugin.distribution} {plugin.version}",
        }
        for plugin in plugins
    ]
    print_table(rows, ["kind", "name", "summary", "from"])

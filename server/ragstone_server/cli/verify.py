"""`ragstone admin verify`."""

import click

from ragstone import OperationState
from ragstone.v1 import admin_service_pb2
from ragstone_server.cli.common import connected, json_option, print_json, server_option
from ragstone_server.cli.following import FOUND, follow, leave, row
from ragstone_server.cli.progress import told
from ragstone_server.cli.texts import printable


@click.command("verify")
@click.option(
    "--collection", "-c", "collections", multiple=True, help="Collection to verify; may be repeated. Default: all."
)
@click.option("--repair", is_flag=True, help="Build a view with a finding anew from the catalog.")
@click.option("--no-wait", is_flag=True, help="Print the operation's name and return at once.")
@server_option
@json_option
def verify_command(collections: tuple[str, ...], repair: bool, no_wait: bool, server: str, as_json: bool) -> None:
    """Compare the server's views with its catalog, while it serves.

    Exit status 0: all is in order, or was repaired; 5: something is wrong; 1: it failed; 3: it was cancelled.
    """
    with connected(server) as client:
        operation = client.admin.verify(*collections, repair=repair)
        if not no_wait:
            operation = follow(client, operation, told)
    if no_wait:
        print_json(row(operation)) if as_json else click.echo(operation.name)
        return
    if operation.state is not OperationState.SUCCEEDED:
        leave(operation, as_json=as_json)
    response = operation.result()
    assert isinstance(response, admin_service_pb2.VerifyResponse)
    if not as_json:
        _print(response)
    leave(operation, as_json=as_json, status=FOUND if response.finding_count > response.findings_repaired else 0)


def _print(response: admin_service_pb2.VerifyResponse) -> None:
    for each in response.findings:
        problem = (
            admin_service_pb2.ViewProblem.Name(each.problem).removeprefix("VIEW_PROBLEM_").lower().replace("_", " ")
        )
        repaired = ", repaired" if each.repaired else ""
        about = "; ".join(filter(None, (each.detail, ", ".join(each.samples))))
        line = f"{each.collection.rpartition('/')[2]} {each.view}: {each.count} {problem}{repaired}"
        click.echo(printable(f"{line} ({about})" if about else line, keep=""))
    if response.finding_count > len(response.findings):
        click.echo(f"and {response.finding_count - len(response.findings)} findings more")
    left = response.finding_count - response.findings_repaired
    verdict = (
        f"{left} findings" if left else "all is in order" + (", after a repair" if response.findings_repaired else "")
    )
    click.echo(f"{response.views} views of {response.collections} collections: {verdict}")

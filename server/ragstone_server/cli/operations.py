"""`ragstone admin operations`: list, get, cancel, wait, delete."""

import click

from ragstone import Operation, OperationState
from ragstone_server.cli.common import connected, fail, json_option, print_json, print_table, server_option
from ragstone_server.cli.following import follow, leave, row
from ragstone_server.cli.progress import told
from ragstone_server.cli.texts import printable

STATES = [state.value for state in OperationState if state is not OperationState.UNKNOWN]


class OperationParameter(click.ParamType[str]):
    """`17` or `operations/17`."""

    name = "operation"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Its number."""
        number = value.removeprefix("operations/")
        if not (number.isascii() and number.isdecimal() and number[0] != "0" and len(number) < 19):
            self.fail(f"{value!r} is no operation; name one as 17 or operations/17", param, ctx)
        return number


operation_argument = click.argument("operation", metavar="OPERATION", type=OperationParameter())


@click.group("operations")
def operations_command() -> None:
    """Long-running operations: list, get, cancel, wait, delete."""


@operations_command.command("list")
@click.option("--running", is_flag=True, help="Only those that have not ended.")
@click.option("--kind", metavar="KIND", help="Only those of a kind, such as purge-documents.")
@click.option("--state", type=click.Choice(STATES), help="Only those in a state.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Most that are listed.")
@server_option
@json_option
def list_(running: bool, kind: str | None, state: str | None, limit: int, server: str, as_json: bool) -> None:
    """List the operations, the latest first."""
    terms = ["done = false"] if running else []
    terms += [f'{field} = "{_quoted(value)}"' for field, value in (("kind", kind), ("state", state)) if value]
    with connected(server) as client:
        found = [each for each, _ in zip(client.operations.list(" AND ".join(terms)), range(limit), strict=False)]
    if as_json:
        print_json({"operations": [row(each) for each in found]})
    elif found:
        rows = [{**row(each), "operation": each.id, "progress": told(each)} for each in found]
        print_table(rows, ["operation", "kind", "state", "created", "updated", "progress"])
    else:
        click.echo("no operations")


@operations_command.command("get")
@operation_argument
@server_option
@json_option
def get(operation: str, server: str, as_json: bool) -> None:
    """Print an operation: what it does, how far it is, how it ended."""
    with connected(server) as client:
        found = client.operations.get(operation)
    if as_json:
        print_json(row(found))
        return
    click.echo(f"{found.name}: {printable(found.kind)}")
    facts = {
        "state": f"{found.state.value}{', to be cancelled' if found.cancel_requested and not found.done else ''}",
        "collection": found.collection or "-",
        "created": found.created.isoformat(timespec="seconds"),
        "updated": found.updated.isoformat(timespec="seconds"),
        "runs on": found.runner or "-",
        "progress": told(found),
        "error": f"{found.error.message} ({found.error.reason})" if found.error else "-",
    }
    for name, fact in facts.items():
        click.echo(f"  {name:<12}{printable(fact, keep='')}")


@operations_command.command("cancel")
@operation_argument
@click.option("--wait", is_flag=True, help="Return when it has ended.")
@server_option
@json_option
def cancel(operation: str, wait: bool, server: str, as_json: bool) -> None:
    """Have an operation end before its next step. What it has done stays done."""
    with connected(server) as client:
        client.operations.cancel(operation)
        found = client.operations.get(operation)
        if wait:
            found = follow(client, found, told)
    if as_json:
        print_json(row(found))
    else:
        click.echo(_ending(found))


@operations_command.command("wait")
@operation_argument
@click.option("--timeout", type=click.FloatRange(0), metavar="SECONDS", help="Longest time to wait; without, any time.")
@server_option
@json_option
def wait_(operation: str, timeout: float | None, server: str, as_json: bool) -> None:
    """Wait until an operation has ended, with its progress on a terminal.

    Exit status 0: it succeeded; 1: it failed; 3: it was cancelled; 4: it has not ended in time.
    """
    with connected(server) as client:
        found = follow(client, client.operations.get(operation), told, timeout=timeout)
    if found.state is OperationState.SUCCEEDED and not as_json:
        click.echo(_ending(found))
    leave(found, as_json=as_json)


@operations_command.command("delete")
@operation_argument
@server_option
@json_option
def delete(operation: str, server: str, as_json: bool) -> None:
    """Forget an operation that has ended."""
    with connected(server) as client:
        client.operations.delete(operation)
    if as_json:
        print_json({"name": f"operations/{operation}"})
    else:
        click.echo(f"deleted operations/{operation}")


def _ending(operation: Operation) -> str:
    state = operation.state.value if operation.done else "will end before its next step"
    progress = told(operation)
    return f"{operation.name}: {state}{f'; {progress}' if progress else ''}"


def _quoted(text: str) -> str:
    if '"' in text or "\\" in text:
        fail(f"{text!r} is no kind")
    return text

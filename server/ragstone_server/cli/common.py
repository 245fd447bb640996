"""What the commands share: options, output, and errors as a person wants to read them."""

import functools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, ParamSpec, TypeVar

import click

from ragstone import Client, RagstoneError, Unavailable
from ragstone_server.cli.texts import printable
from ragstone_server.spi.errors import RagstoneError as ServerError

ResultT = TypeVar("ResultT")
Parameters = ParamSpec("Parameters")
_ANY_WIDTH = 1_000_000
DEFAULT_SERVER = "127.0.0.1:50051"

server_option = click.option(
    "--server",
    envvar="RAGSTONE_SERVER",
    default=DEFAULT_SERVER,
    show_default=True,
    metavar="HOST:PORT",
    help="Where the server listens. [env: RAGSTONE_SERVER]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")
collection_option = click.option(
    "--collection", "-c", default="default", show_default=True, help="Collection to work on."
)


def fail(message: str, status: int = 1) -> NoReturn:
    """Say on standard error what is wrong, and end."""
    click.echo(f"ragstone: {message}", err=True)
    sys.exit(status)


@contextmanager
def connected(server: str) -> Iterator[Client]:
    """A client; its errors end the command with a message."""
    try:
        with Client(server) as client:
            yield client
    except Unavailable as error:
        if error.reason:
            fail(_described(error))
        fail(
            f"no server answers on {server}; start one with `ragstone serve --listen {server}`, or name another with --server"
        )
    except RagstoneError as error:
        fail(_described(error))


def readable_errors(command: Callable[Parameters, ResultT]) -> Callable[Parameters, ResultT]:
    """Errors of our own end the command with a message, not with a traceback."""

    @functools.wraps(command)
    def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> ResultT:
        try:
            return command(*args, **kwargs)
        except ServerError as error:
            fail(error.message)

    return call


def _described(error: RagstoneError) -> str:
    hint = f" ({error.reason})" if error.reason else ""
    return f"{error.message}{hint}"


def print_json(value: Any) -> None:
    """One JSON value on one line."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def print_table(rows: list[dict[str, Any]], columns: list[str]) -> None:
    """Rows for people."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        cells = ("" if (cell := row.get(column)) is None else str(cell) for column in columns)
        # As texts: what stands in brackets is no markup.
        table.add_row(*(Text(printable(cell, keep="")) for cell in cells))
    # Where no terminal says how wide it is, a row is a line, and nothing of it is cut.
    Console(width=None if sys.stdout.isatty() else _ANY_WIDTH).print(table)

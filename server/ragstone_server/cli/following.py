"""A long-running operation at the terminal: followed to its end, with its progress where someone watches."""

import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

import click
from rich.console import Console

from ragstone import Client, Operation, OperationState, RagstoneError, Unavailable
from ragstone.protojson import to_dict
from ragstone_server.cli.common import fail, print_json
from ragstone_server.cli.texts import printable

FAILED, CANCELLED, NOT_ENDED, FOUND = 1, 3, 4, 5
"""Exit statuses: it failed; it was cancelled; it has not ended in time; it ended, and found something."""
LOOK_S = 0.5
AWAY_S = 60.0
"""How long a server that restarts is waited for."""

Told = Callable[[Operation], str]
"""A line about how far it is."""


def follow(client: Client, operation: Operation, told: Told, *, timeout: float | None = None) -> Operation:
    """As it is when it has ended, or after `timeout` seconds. Progress goes to standard error, where that is a terminal.

    A server that restarts meanwhile is waited for: the operation goes on there. Ctrl-C leaves the operation running, and says so.
    """
    console = Console(stderr=True)
    until = None if timeout is None else time.monotonic() + timeout
    away_since: float | None = None
    try:
        with console.status("", spinner="line") as status:
            while not operation.done:
                left = LOOK_S if until is None else min(LOOK_S, until - time.monotonic())
                if left <= 0:
                    break
                line = told(operation) or operation.state.value
                status.update(printable(line, keep="") if away_since is None else "waiting for the server")
                try:
                    operation = client.operations.wait(operation, timeout=left)
                    away_since = None
                except Unavailable:
                    away_since = away_since or time.monotonic()
                    if time.monotonic() - away_since > AWAY_S:
                        raise
                    time.sleep(LOOK_S)
    except KeyboardInterrupt:
        click.echo(
            f"\n{operation.name} goes on; `ragstone admin operations wait {operation.id}` follows it, and "
            f"`ragstone admin operations cancel {operation.id}` ends it",
            err=True,
        )
        sys.exit(130)
    return operation


def row(operation: Operation) -> dict[str, Any]:
    """For machines."""
    return {
        "name": operation.name,
        "kind": operation.kind,
        "state": operation.state.value,
        "done": operation.done,
        "cancel_requested": operation.cancel_requested,
        "collection": operation.collection,
        "runner": operation.runner,
        "created": operation.created.isoformat(),
        "updated": operation.updated.isoformat(),
        "metadata": _dict(operation.metadata, without="info"),
        "response": _dict(operation.response),
        "error": _error(operation.error),
    }


def leave(operation: Operation, *, as_json: bool, status: int = 0) -> NoReturn:
    """End the command as the operation has ended; `status` is of one that succeeded."""
    if as_json:
        print_json(row(operation))
    elif operation.error is not None:
        said = f"{operation.error.message} ({operation.error.reason})"
        if operation.state is OperationState.CANCELLED:
            fail(f"{operation.name}: {said}", CANCELLED)
        fail(f"{operation.name} failed: {said}", FAILED)
    elif not operation.done:
        fail(f"{operation.name} has not ended; `ragstone admin operations wait {operation.id}` follows it", NOT_ENDED)
    if not operation.done:
        sys.exit(NOT_ENDED)
    if operation.state is not OperationState.SUCCEEDED:
        sys.exit(CANCELLED if operation.state is OperationState.CANCELLED else FAILED)
    sys.exit(status)


def _dict(message: Any, without: str = "") -> dict[str, Any] | None:
    if message is None:
        return None
    values = to_dict(message)
    values.pop(without, None)
    return values


def _error(error: RagstoneError | None) -> dict[str, str] | None:
    return None if error is None else {"reason": error.reason, "message": error.message}

"""`ragstone admin dead-letters`: list and show. What changes them is in `dead_letter_batches`."""

import base64
from pathlib import Path
from typing import Any

import click

from ragstone import Client
from ragstone.v1 import admin_service_pb2
from ragstone_server.cli.common import connected, fail, json_option, print_json, print_table, server_option
from ragstone_server.cli.dead_letter_batches import ID, chosen, discard, reason_option, replay, source_option
from ragstone_server.cli.texts import as_text, dump, one_line, printable, short_time

SHOWN_BYTES = 2048
BRIEF = 160


@click.group("dead-letters")
def dead_letters_command() -> None:
    """Events that could not be applied: list, show, replay, discard."""


dead_letters_command.add_command(replay)
dead_letters_command.add_command(discard)


@dead_letters_command.command("list")
@reason_option
@source_option
@server_option
@json_option
def list_(reason: str | None, source: str | None, server: str, as_json: bool) -> None:
    """List the dead letters, the oldest first."""
    with connected(server) as client:
        rows = [_row(letter) for letter in chosen(client, reason, source)]
    if as_json:
        print_json({"dead_letters": rows})
    elif rows:
        brief = [{**row, "message": _brief(row["message"])} for row in rows]
        print_table(brief, ["id", "failed", "reason", "source", "offset", "bytes", "message"])
    else:
        click.echo("no dead letters")


@dead_letters_command.command("show")
@click.argument("letter", metavar="ID", type=ID)
@click.option(
    "--value-out",
    metavar="FILE",
    type=click.Path(path_type=Path, allow_dash=True, dir_okay=False),
    help="Write the value of the event to a file, as it came; - is the standard output, and nothing else goes there.",
)
@server_option
@json_option
def show(letter: int, value_out: Path | None, server: str, as_json: bool) -> None:
    """Print a dead letter: what is wrong, key, headers, and the beginning of the value.

    With --json key, value and headers are in base64, the value as far as 1 MiB.
    """
    to_output = value_out == Path("-")
    if to_output and as_json:
        raise click.UsageError("--json and --value-out - both take the standard output")
    with connected(server) as client:
        found = client.admin.dead_letters.get(letter, max_value_bytes=None if as_json else SHOWN_BYTES)
        if value_out is not None:
            _write(client, found, value_out)
    if as_json:
        print_json({**_row(found), **_event(found)})
    elif not to_output:
        _print(found, whole=value_out is not None)


def _brief(message: str) -> str:
    return message if len(message) <= BRIEF else f"{message[: BRIEF - 1]}…"


def _row(letter: admin_service_pb2.DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "failed": short_time(letter.fail_time),
        "reason": letter.reason,
        "message": letter.message,
        "source": letter.source,
        "offset": letter.offset,
        "event_time": letter.event_time.ToJsonString(),
        "collection": letter.collection,
        "published": letter.published,
        "bytes": letter.value_size if letter.HasField("value_size") else None,
    }


def _event(letter: admin_service_pb2.DeadLetter) -> dict[str, Any]:
    return {
        "key": _base64(letter.key) if letter.HasField("key") else None,
        "key_truncated": letter.key_truncated,
        "headers": [{"key": header.key, "value": _base64(header.value)} for header in letter.headers],
        "headers_truncated": letter.headers_truncated,
        "value": _base64(letter.value) if letter.HasField("value") else None,
        "value_truncated": letter.value_truncated,
    }


def _print(letter: admin_service_pb2.DeadLetter, *, whole: bool) -> None:
    click.echo(f"dead letter {letter.id}: {printable(letter.source)} at {letter.offset}")
    facts = {
        "reason": letter.reason,
        "message": printable(letter.message),
        "failed": short_time(letter.fail_time),
        "event time": short_time(letter.event_time),
        "collection": letter.collection or "named by the event",
        "published": "on the dead-letter topic too" if letter.published else "not on a dead-letter topic",
        "key": _shown(letter.key, cut=letter.key_truncated) if letter.HasField("key") else "none",
    }
    for name, fact in facts.items():
        click.echo(f"  {name:<12}{fact}")
    for header in letter.headers:
        click.echo(f"  {'header':<12}{printable(header.key, keep='')}: {_shown(header.value)}")
    if letter.headers_truncated:
        click.echo(f"  {'header':<12}… there are more")
    if not letter.HasField("value"):
        click.echo(f"  {'value':<12}none")
        return
    click.echo(f"  {'value':<12}{letter.value_size} bytes\n")
    text = as_text(letter.value, cut=letter.value_truncated)
    shown = len(letter.value)
    if text is None:
        lines = list(dump(letter.value))
        shown = min(shown, 16 * len(lines))
        text = "\n".join(lines)
    click.echo(printable(text))
    if shown < letter.value_size and not whole:
        click.echo(f"\n… {letter.value_size - shown} bytes more; --value-out FILE writes all of them", err=True)


def _shown(data: bytes, *, cut: bool = False) -> str:
    line = one_line(data[:SHOWN_BYTES])
    return f"{line}…" if cut or len(data) > SHOWN_BYTES else line


def _write(client: Client, letter: admin_service_pb2.DeadLetter, file: Path) -> None:
    """The value of the event, whole or not at all."""
    if not letter.HasField("value"):
        fail(f"the event of dead letter {letter.id} has no value")
    parts = client.admin.dead_letters.value(letter.id)
    if file == Path("-"):
        with click.open_file("-", "wb") as output:
            output.writelines(parts)
        return
    unfinished = file.with_name(f"{file.name}.part")
    try:
        with unfinished.open("wb") as out:
            out.writelines(parts)
        unfinished.replace(file)
    except OSError as error:
        fail(f"{file} cannot be written ({error.strerror})")
    finally:
        unfinished.unlink(missing_ok=True)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()

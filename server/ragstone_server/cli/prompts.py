"""`ragstone prompts`."""

from pathlib import Path

import click

from ragstone.protojson import to_dict
from ragstone.v1 import admin_service_pb2
from ragstone_server.cli.common import (
    collection_option,
    connected,
    json_option,
    print_json,
    print_table,
    readable_errors,
    server_option,
)
from ragstone_server.spi.errors import InvalidRequest

_FILE = click.Path(path_type=Path)


@click.group("prompts")
def prompts_command() -> None:
    """Versions of a collection's prompt template: create, list, show, compare, activate, roll back."""


@prompts_command.command("create")
@click.option("--system", "system_file", type=_FILE, help="File with the system message; left out: the built-in one.")
@click.option("--user", "user_file", type=_FILE, help="File with evidence and question; left out: the built-in one.")
@click.option("--description", default="", help="For people.")
@collection_option
@server_option
@json_option
@readable_errors
def create(
    system_file: Path | None, user_file: Path | None, description: str, collection: str, server: str, as_json: bool
) -> None:
    """Create the next version. It is not in use until it is activated."""
    if system_file is None and user_file is None:
        raise click.UsageError("give --system or --user")
    system, user = _read(system_file), _read(user_file)
    with connected(server) as client:
        made = client.admin.prompts.create(system=system, user=user, description=description, collection=collection)
    _say(made, as_json, "created version {}; `ragstone prompts activate {}` puts it into use")


@prompts_command.command("list")
@collection_option
@server_option
@json_option
def list_(collection: str, server: str, as_json: bool) -> None:
    """List the versions; * marks the one in use, 0 is the built-in one."""
    with connected(server) as client:
        prompts = [client.admin.prompts.get(0, collection=collection)]
        prompts += client.admin.prompts.list(collection=collection)
    rows = [
        {
            "version": _version(prompt.name),
            "active": prompt.active,
            "created": _time(prompt),
            "author": prompt.author,
            "description": prompt.description,
        }
        for prompt in prompts
    ]
    if as_json:
        print_json({"prompts": rows})
        return
    marked = [{**row, "version": f"{row['version']} *" if row["active"] else row["version"]} for row in rows]
    print_table(marked, ["version", "created", "author", "description"])


@prompts_command.command("show")
@click.argument("version", type=click.IntRange(0, 999_999_999))
@collection_option
@server_option
@json_option
def show(version: int, collection: str, server: str, as_json: bool) -> None:
    """Print a version's sources; 0 is the built-in one."""
    with connected(server) as client:
        prompt = client.admin.prompts.get(version, collection=collection)
    if as_json:
        print_json(to_dict(prompt))
    else:
        click.echo(f"# system\n{prompt.system.rstrip()}\n\n# user\n{prompt.user.rstrip()}")


@prompts_command.command("diff")
@click.argument("version", type=click.IntRange(0, 999_999_999))
@click.argument("other", type=click.IntRange(0, 999_999_999), required=False)
@collection_option
@server_option
@json_option
def diff(version: int, other: int | None, collection: str, server: str, as_json: bool) -> None:
    """Print what changes from VERSION to OTHER, or to the one in use."""
    with connected(server) as client:
        text = client.admin.prompts.diff(version, other, collection=collection)
    if as_json:
        print_json({"diff": text})
    else:
        click.echo(text or "no difference", nl=not text)


@prompts_command.command("activate")
@click.argument("version", type=click.IntRange(0, 999_999_999))
@collection_option
@server_option
@json_option
def activate(version: int, collection: str, server: str, as_json: bool) -> None:
    """Put a version into use, from the next question on; 0 is the built-in one."""
    with connected(server) as client:
        prompt = client.admin.prompts.activate(version, collection=collection)
    _say(prompt, as_json, "version {} is in use")


@prompts_command.command("rollback")
@collection_option
@server_option
@json_option
def rollback(collection: str, server: str, as_json: bool) -> None:
    """Undo the last activation: the version that was in use before is so again."""
    with connected(server) as client:
        prompt = client.admin.prompts.roll_back(collection=collection)
    _say(prompt, as_json, "version {} is in use again")


@prompts_command.command("history")
@collection_option
@server_option
@json_option
def history(collection: str, server: str, as_json: bool) -> None:
    """List who put which version into use, and when; the latest first."""
    with connected(server) as client:
        activations = list(client.admin.prompts.activations(collection=collection))
    rows = [
        {
            "time": row.time.ToJsonString(),
            "author": row.author,
            "what": _kind(row.kind),
            "version": _version(row.prompt),
        }
        for row in activations
    ]
    if as_json:
        print_json({"activations": rows})
    else:
        print_table(rows, ["time", "author", "what", "version"])


def _read(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{file} is not UTF-8 text ({error.reason} at byte {error.start})") from error


def _say(prompt: admin_service_pb2.Prompt, as_json: bool, sentence: str) -> None:
    version = _version(prompt.name)
    if as_json:
        print_json(to_dict(prompt))
    else:
        click.echo(sentence.format(version, version))


def _version(name: str) -> int:
    return int(name.rpartition("/")[2])


def _kind(kind: admin_service_pb2.PromptActivationKind.ValueType) -> str:
    name = admin_service_pb2.PromptActivationKind.Name(kind)
    return name.removeprefix("PROMPT_ACTIVATION_KIND_").replace("_", " ").lower()


def _time(prompt: admin_service_pb2.Prompt) -> str:
    return prompt.create_time.ToJsonString() if prompt.HasField("create_time") else ""

"""Secrets by reference: `env:NAME` and `file:PATH`, resolved before anything is validated or opened."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ragstone_server.config.errors import ConfigurationInvalid, Problem


def resolve_secrets(tree: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """A copy of the tree in which every reference is replaced. Raises `ConfigurationInvalid` naming all that are missing."""
    problems: list[Problem] = []
    resolved = _resolve(tree, "", environment, problems)
    if problems:
        raise ConfigurationInvalid(*problems)
    assert isinstance(resolved, dict)
    return resolved


def _resolve(value: object, where: str, environment: Mapping[str, str], problems: list[Problem]) -> object:
    match value:
        case dict():
            return {
                key: _resolve(item, f"{where}.{key}" if where else key, environment, problems)
                for key, item in value.items()
            }
        case list():
            return [_resolve(item, f"{where}[{i}]", environment, problems) for i, item in enumerate(value)]
        case str() if value.startswith("env:"):
            name = value.removeprefix("env:")
            if name not in environment:
                problems.append(Problem(where=where, what=f"the environment has no variable {name}"))
            return environment.get(name, "")
        case str() if value.startswith("file:"):
            path = Path(value.removeprefix("file:"))
            try:
                return path.read_text("utf-8").rstrip("\n")
            except (OSError, UnicodeDecodeError) as error:
                problems.append(Problem(where=where, what=f"the file {path} cannot be read ({error})"))
                return ""
        case _:
            return value

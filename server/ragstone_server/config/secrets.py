"""Secrets by reference: `env:NAME` and `file:PATH`, resolved before anything is validated or opened."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel

from ragstone_server.config.errors import ConfigurationInvalid, Problem


class Resolved(str):
    """What a reference stands for, which knows how it was written: for what is kept of a configuration."""

    __slots__ = ("reference",)
    reference: str

    def __new__(cls, text: str, reference: str) -> Self:
        """`reference`, as in `env:NAME`."""
        made = super().__new__(cls, text)
        made.reference = reference
        return made


def as_written(value: object) -> Any:
    """The same with references for what they stand for: inverse of `resolve_secrets`."""
    match value:
        case Mapping():
            return {key: as_written(item) for key, item in value.items()}
        case list() | tuple():
            return [as_written(item) for item in value]
        case Resolved():
            return value.reference
        case _:
            return value


def literal_secrets(model: type[BaseModel], written: Mapping[str, object]) -> list[str]:
    """Settings of a section that are secrets and stand there themselves, not by reference; as they were written."""
    found = []
    for name, field in model.model_fields.items():
        if name in written and "SecretStr" in str(field.annotation):
            values = written[name]
            within = values.items() if isinstance(values, Mapping) else [("", values)]
            found += [".".join(filter(None, (name, key))) for key, value in within if not _is_reference(value)]
    return found


def _is_reference(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.startswith(("env:", "file:")))


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
            return Resolved(environment.get(name, ""), value)
        case str() if value.startswith("file:"):
            path = Path(value.removeprefix("file:"))
            try:
                return Resolved(path.read_text("utf-8").rstrip("\n"), value)
            except (OSError, UnicodeDecodeError) as error:
                problems.append(Problem(where=where, what=f"the file {path} cannot be read ({error})"))
                return ""
        case _:
            return value

"""From a tree of settings to a frozen model, with problems that name their place."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from ragstone_server.config.errors import ConfigurationInvalid, Problem

ModelT = TypeVar("ModelT", bound=BaseModel)


def validated(model: type[ModelT], tree: Mapping[str, object], where: str = "") -> ModelT:
    """Validate a section. Raises `ConfigurationInvalid` with every problem of it."""
    try:
        return model.model_validate(dict(tree))
    except ValidationError as error:
        raise ConfigurationInvalid(*problems(error, where)) from error


def problems(error: ValidationError, where: str) -> list[Problem]:
    """What pydantic found, in words for an operator."""
    found = []
    for item in error.errors(include_url=False):
        path = ".".join(str(part) for part in (where, *item["loc"]) if part != "")
        what = "unknown setting" if item["type"] == "extra_forbidden" else item["msg"].removeprefix("Value error, ")
        found.append(Problem(where=path, what=what))
    return found

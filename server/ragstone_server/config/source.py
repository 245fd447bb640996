"""Where settings come from: a TOML file, then the environment over it."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ragstone_server.config.errors import ConfigurationInvalid, Problem
from ragstone_server.config.secrets import resolve_secrets

ENVIRONMENT_PREFIX = "RAGSTONE__"
"""`RAGSTONE__GENERATOR__USE=extractive` overrides `use` in `[generator]`; a value is read as TOML, or else as text."""
DEFAULT_FILE = Path("ragstone.toml")

Tree = dict[str, Any]


def load(file: Path | None, environment: Mapping[str, str] | None = None) -> Tree:
    """Read the file (None: `ragstone.toml` here, if there is one), the environment over it, and resolve secrets.

    Raises `ConfigurationInvalid` where the file is missing or is not TOML, or a secret cannot be found.
    """
    environment = os.environ if environment is None else environment
    return resolve_secrets(_overlaid(_read(file), environment), environment)


def _read(file: Path | None) -> Tree:
    if file is None:
        if not DEFAULT_FILE.exists():
            return {}
        file = DEFAULT_FILE
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationInvalid(Problem(where=str(file), what=f"cannot be read ({error.strerror})")) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationInvalid(Problem(where=str(file), what=f"is not TOML: {error}")) from error


def _overlaid(tree: Tree, environment: Mapping[str, str]) -> Tree:
    for variable in sorted(environment):
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        *sections, key = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise ConfigurationInvalid(Problem(where=variable, what=f"{section} is a value, not a section"))
        place[key] = _literal(environment[variable])
    return tree


def _literal(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text

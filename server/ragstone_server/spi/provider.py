"""What a plugin offers: a named way to open one stage."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from ragstone_server.spi.host import Host
from ragstone_server.spi.kinds import Kind

StageT_co = TypeVar("StageT_co", covariant=True)
ConfigT = TypeVar("ConfigT", bound=BaseModel)


class Settings(BaseModel):
    """Base of every settings and options model: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NoSettings(Settings):
    """For a stage that has nothing to set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider(Generic[StageT_co, ConfigT]):
    """One implementation of a kind of stage."""

    name: str
    """What configuration selects with `use`; unique within its kind."""
    summary: str
    """One line for `ragstone plugins`."""
    config: type[ConfigT]
    """Model of its section of the configuration."""
    open: Callable[[ConfigT, Host], AbstractAsyncContextManager[StageT_co]]
    """Start-up and shutdown in one. Heavy imports go inside. Raises `StartError` with what to do about it."""
    needs: tuple[Kind[Any], ...] = ()
    """Kinds that `open` asks of the host; they are opened before it and closed after it."""
    fetch_model: Callable[[str | None, Path, Callable[[str], None]], Path] | None = None
    """For `ragstone models pull`: gets a model from a source (None: the default one) into a directory of its own below the
    one that is given, tells its steps, and returns that directory. Blocks. None: the stage needs no model."""
    migrate: Callable[[ConfigT], Awaitable[str]] | None = None
    """For `ragstone migrate`: brings what it stores to the present schema, under a lock, and tells what was done. None: it
    stores nothing, or `open` does it. Raises `StartError`."""
    new_epoch: Callable[[ConfigT, Path], Awaitable[str]] | None = None
    """For `ragstone migrate --new-epoch`: gives a catalog that was restored from a backup another epoch, ends its operations, and
    tells what was done; the path is the data directory. No server has it open. None: it is no catalog. Raises `StartError`."""
    options: type[BaseModel] = NoSettings
    """Model of what a caller may set in a single request; every field has a default."""

"""Opens providers on demand, each once for a configuration, in the order of their needs."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from ragstone_server.config.errors import ConfigurationInvalid, Problem
from ragstone_server.config.validation import validated
from ragstone_server.registry.offers import Offer, Offers, PluginNotFound
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import StartError
from ragstone_server.spi.host import Lane
from ragstone_server.spi.kinds import KINDS, Kind

StageT = TypeVar("StageT")
NONE = "none"
NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which provider of a kind to open, and its section of the configuration."""

    use: str
    config: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHost:
    """What a provider is given; fits `spi.host.Host`."""

    clock: Clock
    data_dir: Path
    models_dir: Path
    interactive: Lane
    bulk: Lane
    opened: Mapping[str, Any]

    def needed(self, kind: Kind[StageT], /) -> StageT:
        """The opened stage of a kind that the provider named in its needs."""
        stage: StageT = self.opened[kind.name]
        return stage


def check_selections(offers: Offers, selections: Mapping[str, Selection]) -> None:
    """Validate these selections without opening anything. Raises `ConfigurationInvalid` with every problem found."""
    problems: list[Problem] = []
    for kind in KINDS:
        selection = selections.get(kind.name)
        if selection is None:
            continue
        if selection.use == NONE and kind.optional:
            problems += [Problem(where=f"{kind.name}.{key}", what="unknown setting") for key in selection.config]
            continue
        try:
            validated(offers.find(kind, selection.use).provider.config, selection.config, kind.name)
        except ConfigurationInvalid as error:
            problems += error.problems
        except PluginNotFound as error:
            problems.append(Problem(where="", what=error.message))
    if problems:
        raise ConfigurationInvalid(*problems)


class Registry:
    """The providers that are open. Closed, in reverse order, with the exit stack that it was given."""

    def __init__(
        self, offers: Offers, selections: Mapping[str, Selection], host: ServerHost, stack: AsyncExitStack
    ) -> None:
        self.offers = offers
        self._selections = selections
        self._host = host
        self._stack = stack
        self._opened: dict[tuple[str, str, str], Any] = {}
        self._lock = asyncio.Lock()

    def selected(self, kind: Kind[Any]) -> Offer | None:
        """The offer that the configuration selects; None for an optional kind that is not used."""
        use = self._selections[kind.name].use
        if use == NONE and kind.optional:
            return None
        return self.offers.find(kind, use)

    async def open(self, kind: Kind[StageT]) -> StageT:
        """The selected stage of a kind, opened at the first call with all that it needs."""
        async with self._lock:
            opened: StageT = await self._open(kind, ())
            return opened

    async def open_optional(self, kind: Kind[StageT]) -> StageT | None:
        """As `open`, or None where the configuration uses none."""
        return None if self.selected(kind) is None else await self.open(kind)

    async def open_other(self, kind: Kind[StageT], use: str, config: Mapping[str, object] = NOTHING) -> StageT:
        """Another provider of the kind: a replacement by policy, with its defaults, or a deployment of a route."""
        async with self._lock:
            opened: StageT = await self._open(kind, (), Selection(use=use, config=config))
            return opened

    async def _open(self, kind: Kind[Any], path: tuple[str, ...], selection: Selection | None = None) -> Any:
        if kind.name in path:
            raise StartError(f"plugins need each other in a circle: {' > '.join((*path, kind.name))}")
        selection = selection or self._selections[kind.name]
        provider = self.offers.find(kind, selection.use).provider
        config = validated(provider.config, selection.config, kind.name)
        # As it was written: a dump of the model shows all secrets alike.
        written = json.dumps(dict(selection.config), sort_keys=True, default=str)
        key = kind.name, provider.name, hashlib.sha256(written.encode()).hexdigest()
        if key not in self._opened:
            needs = {need.name: await self._open(need, (*path, kind.name)) for need in provider.needs}
            host = replace(self._host, opened=needs)
            self._opened[key] = await self._stack.enter_async_context(provider.open(config, host))
        return self._opened[key]

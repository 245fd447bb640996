"""What the installed distributions offer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ragstone_server.spi.errors import StartError
from ragstone_server.spi.kinds import Kind
from ragstone_server.spi.provider import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Where a plugin comes from."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One provider and who offers it."""

    kind: Kind[Any]
    provider: Provider[Any, Any]
    distribution: Distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenPlugin:
    """An entry point that could not be loaded or registered."""

    entry_point: str
    distribution: Distribution
    error: str


class PluginConflict(StartError):
    """Two distributions offer a plugin of the same kind and name."""


class PluginNotFound(StartError):
    """No distribution offers the selected plugin."""


class Offers:
    """Every provider that was discovered, by kind and name."""

    def __init__(self, offers: Iterable[Offer], broken: Iterable[BrokenPlugin] = ()) -> None:
        """Raises `PluginConflict` where two offers have one kind and name."""
        self._offers: dict[tuple[str, str], Offer] = {}
        self.broken = tuple(broken)
        for offer in offers:
            key = offer.kind.name, offer.provider.name
            other = self._offers.setdefault(key, offer)
            if other is not offer:
                raise PluginConflict(
                    f"{other.distribution} and {offer.distribution} both offer the {offer.kind.name} "
                    f"{offer.provider.name!r}; uninstall one of them"
                )

    def __iter__(self) -> Iterator[Offer]:
        return iter(self._offers.values())

    def find(self, kind: Kind[Any], name: str) -> Offer:
        """The offer of this name. Raises `PluginNotFound` with the names there are, and with what failed to load."""
        try:
            return self._offers[kind.name, name]
        except KeyError:
            names = ", ".join(sorted(offer for offered, offer in self._offers if offered == kind.name)) or "none"
            broken = "".join(
                f"; the plugin {plugin.entry_point} of {plugin.distribution} could not be loaded: {plugin.error}"
                for plugin in self.broken
            )
            raise PluginNotFound(
                f"{kind.name}.use: there is no {kind.name} {name!r} (there are: {names}){broken}"
            ) from None

"""Entry points and providers that are told by a test."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import Distribution, EntryPoint
from types import SimpleNamespace
from typing import Any

from ragstone_server.spi import hooks
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.kinds import Kind
from ragstone_server.spi.provider import NoSettings, Provider, Settings


class Numbered(Settings):
    """One setting."""

    number: int = 0


def provider(
    name: str, journal: list[str] | None = None, needs: tuple[Kind[Any], ...] = (), config: type[Settings] = NoSettings
) -> Provider[Any, Any]:
    """Opens as a text that names what it was given; notes opening and closing."""
    notes = [] if journal is None else journal

    @asynccontextmanager
    async def opened(settings: Settings, host: Host) -> AsyncIterator[str]:
        given = "+".join(str(host.needed(kind)) for kind in needs)
        notes.append(f"open {name}")
        yield f"{name}({given})"
        notes.append(f"close {name}")

    return Provider(name=name, summary=f"{name}.", config=config, open=opened, needs=needs)


class _Distribution(Distribution):
    def __init__(self, name: str, version: str) -> None:
        self._metadata = {"Name": name, "Version": version}

    @property
    def metadata(self) -> Any:
        return self._metadata

    def read_text(self, filename: str) -> str | None:
        return None

    def locate_file(self, path: Any) -> Any:
        return path


class _Point(EntryPoint):
    plugin: Callable[[], object]

    def load(self) -> object:
        return self.plugin()


def point(name: str, distribution: str, plugin: Callable[[], object], version: str = "1.0") -> EntryPoint:
    """An entry point of a distribution that is not installed; `plugin` is what loading it does."""
    made = _Point(name=name, value=f"{name}.plugin", group=hooks.ENTRY_POINT_GROUP)
    vars(made).update(plugin=plugin, dist=_Distribution(distribution, version))
    return made


def offering(**hooked: tuple[object, ...]) -> Callable[[], object]:
    """A plugin whose hooks return these."""

    def made(values: tuple[object, ...]) -> Callable[[], tuple[object, ...]]:
        @hookimpl
        def hook() -> tuple[object, ...]:
            return values

        return hook

    return lambda: SimpleNamespace(**{name: made(values) for name, values in hooked.items()})

"""The entry point: offers the rewriter `rules`."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from ragstone_plugins.rules.settings import RulesSettings
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.provider import Provider
from ragstone_server.spi.rewriter import Rewriter


@asynccontextmanager
async def open_rules(settings: RulesSettings, _: Host) -> AsyncIterator[Rewriter]:
    """Open the rewriter; nothing to close."""
    from ragstone_plugins.rules.rewriter import RulesRewriter

    yield RulesRewriter(settings)


PROVIDER: Provider[Rewriter, RulesSettings] = Provider(
    name="rules",
    summary="drops politeness, and completes a follow-up question with words of the turns before; English only",
    config=RulesSettings,
    open=open_rules,
)


@hookimpl
def ragstone_rewriters() -> Iterable[Provider[Rewriter, Any]]:
    """Offer the rewriter."""
    return (PROVIDER,)

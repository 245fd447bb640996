"""Offers the rewriter by rules."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from ragstone_plugins.rules.rewriter import RulesConfig, RulesRewriter
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.provider import Provider
from ragstone_server.spi.rewriter import Rewriter


@asynccontextmanager
async def open_rewriter(config: RulesConfig, _: Host) -> AsyncIterator[Rewriter]:
    """Nothing to open."""
    yield RulesRewriter(config)


RULES: Provider[Rewriter, RulesConfig] = Provider(
    name="rules", summary="without politeness, with what was said before", config=RulesConfig, open=open_rewriter
)


@hookimpl
def ragstone_rewriters() -> Iterable[Provider[Rewriter, RulesConfig]]:
    """Offer the rewriter."""
    return (RULES,)

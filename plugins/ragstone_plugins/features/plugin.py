"""The entry point: offers the router `features`."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from ragstone_plugins.features.settings import FeaturesSettings
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.provider import Provider
from ragstone_server.spi.router import Router


@asynccontextmanager
async def open_features(settings: FeaturesSettings, host: Host) -> AsyncIterator[Router]:
    """Open the router; nothing to close. The model that tells languages is loaded only where a rule needs it."""
    from ragstone_plugins.features.router import FeaturesRouter

    if any(rule.languages for rule in settings.rules):
        from ragstone_plugins.features.languages import language_of

        await host.bulk.run(language_of, "load the model before the first question")
        yield FeaturesRouter(settings, language_of)
    else:
        yield FeaturesRouter(settings, lambda _: "")


PROVIDER: Provider[Router, FeaturesSettings] = Provider(
    name="features",
    summary="chooses by length, joined facts, language, evidence, budget, tenant and collection, as rules say",
    config=FeaturesSettings,
    open=open_features,
)


@hookimpl
def ragstone_routers() -> Iterable[Provider[Router, Any]]:
    """Offer the router."""
    return (PROVIDER,)

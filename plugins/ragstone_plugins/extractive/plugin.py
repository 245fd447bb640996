"""The entry point: offers the generator `extractive`."""

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from ragstone_plugins.extractive.settings import ExtractiveOptions, ExtractiveSettings
from ragstone_server.spi.generator import Generator
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.kinds import EMBEDDER
from ragstone_server.spi.provider import Provider

_log = logging.getLogger(__name__)


@asynccontextmanager
async def open_extractive(settings: ExtractiveSettings, host: Host) -> AsyncIterator[Generator]:
    """Open the generator over the collection's embedder; nothing to close."""
    from ragstone_plugins.extractive.generator import ExtractiveGenerator
    from ragstone_plugins.extractive.probes import is_calibrated_for
    from ragstone_plugins.extractive.scoring import calibration

    embedder, learned = host.needed(EMBEDDER), calibration()
    dense = await is_calibrated_for(embedder, learned.probes)
    if not dense:
        _log.warning(
            "The extractive generator is not calibrated for this embedder: it judges sentences by their words alone."
        )
    yield ExtractiveGenerator(settings, learned, embedder, host.interactive, dense=dense)


PROVIDER: Provider[Generator, ExtractiveSettings] = Provider(
    name="extractive",
    summary="quotes the sentences of the evidence that answer best; needs no key",
    config=ExtractiveSettings,
    open=open_extractive,
    needs=(EMBEDDER,),
    options=ExtractiveOptions,
)


@hookimpl
def ragstone_generators() -> Iterable[Provider[Generator, Any]]:
    """Offer the generator."""
    return (PROVIDER,)

"""The entry point: offers the fusers `weighted` and `reciprocal_rank`."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from ragstone_plugins.fusion.settings import ReciprocalRankSettings, WeightedOptions, WeightedSettings
from ragstone_server.spi.fuser import Fuser
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.provider import Provider


@asynccontextmanager
async def open_weighted(settings: WeightedSettings, _: Host) -> AsyncIterator[Fuser]:
    """Open the fuser; nothing to close."""
    from ragstone_plugins.fusion.weighted import WeightedFuser

    yield WeightedFuser(settings)


@asynccontextmanager
async def open_reciprocal_rank(settings: ReciprocalRankSettings, _: Host) -> AsyncIterator[Fuser]:
    """Open the fuser; nothing to close."""
    from ragstone_plugins.fusion.reciprocal_rank import ReciprocalRankFuser

    yield ReciprocalRankFuser(settings)


WEIGHTED: Provider[Fuser, WeightedSettings] = Provider(
    name="weighted",
    summary="adds the normalised scores, 0.7 of the dense and 0.3 of the lexical ones unless told",
    config=WeightedSettings,
    open=open_weighted,
    options=WeightedOptions,
)
RECIPROCAL_RANK: Provider[Fuser, ReciprocalRankSettings] = Provider(
    name="reciprocal_rank",
    summary="adds the reciprocal ranks and looks at no score",
    config=ReciprocalRankSettings,
    open=open_reciprocal_rank,
)


@hookimpl
def ragstone_fusers() -> Iterable[Provider[Fuser, Any]]:
    """Offer both."""
    return (WEIGHTED, RECIPROCAL_RANK)

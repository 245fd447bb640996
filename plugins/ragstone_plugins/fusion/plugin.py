"""Offers the fusers."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from ragstone_plugins.fusion.reciprocal_rank import ReciprocalRankConfig, ReciprocalRankFuser
from ragstone_plugins.fusion.weighted import WeightedConfig, WeightedFuser, WeightedOptions
from ragstone_server.spi.fuser import Fuser
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.provider import Provider


@asynccontextmanager
async def open_weighted(config: WeightedConfig, _: Host) -> AsyncIterator[Fuser]:
    """Nothing to open."""
    yield WeightedFuser(config)


@asynccontextmanager
async def open_reciprocal_rank(config: ReciprocalRankConfig, _: Host) -> AsyncIterator[Fuser]:
    """Nothing to open."""
    yield ReciprocalRankFuser(config)


WEIGHTED: Provider[Fuser, WeightedConfig] = Provider(
    name="weighted",
    summary="weighted sum of normalised scores",
    config=WeightedConfig,
    open=open_weighted,
    options=WeightedOptions,
)
RECIPROCAL_RANK: Provider[Fuser, ReciprocalRankConfig] = Provider(
    name="reciprocal_rank", summary="sum of reciprocal ranks", config=ReciprocalRankConfig, open=open_reciprocal_rank
)


@hookimpl
def ragstone_fusers() -> Iterable[Provider[Fuser, Any]]:
    """Offer both."""
    return (WEIGHTED, RECIPROCAL_RANK)

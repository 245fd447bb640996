"""Every router passes the suite of its kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragstone_plugins.features.plugin import PROVIDER
from ragstone_plugins.features.settings import FeaturesSettings, RouteRule
from ragstone_server.spi.router import Router
from ragstone_server.testing.conformance.router import RouterConformance
from ragstone_server.testing.memory.host import MemoryHost
from ragstone_server.testing.memory.router import memory_router

RULES = (RouteRule(route="strong", min_hops=2), RouteRule(route="cheap", max_words=4, languages=("en",)))


class TestMemory(RouterConformance):
    @pytest.fixture
    def router(self) -> Router:
        return memory_router


class TestFeatures(RouterConformance):
    @pytest.fixture
    async def router(self, tmp_path: Path) -> AsyncIterator[Router]:
        settings = FeaturesSettings(rules=RULES)
        async with MemoryHost(tmp_path, tmp_path) as host, PROVIDER.open(settings, host) as router:
            yield router

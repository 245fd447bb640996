"""The reranker keeps every promise of its kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from ragstone_plugin_example import ExampleSettings, open_example

from ragstone_server.spi.reranker import Reranker
from ragstone_server.testing.conformance.reranker import RerankerConformance
from ragstone_server.testing.memory.host import MemoryHost


class TestExample(RerankerConformance):
    """The suite of the kind; add tests of your own below."""

    @pytest.fixture
    async def reranker(self, tmp_path: Path) -> AsyncIterator[Reranker]:
        """The stage, opened as the server opens it."""
        async with MemoryHost(tmp_path, tmp_path) as host, open_example(ExampleSettings(), host) as reranker:
            yield reranker

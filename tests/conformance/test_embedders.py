"""Every embedder passes the suite of its kind. A new one adds a class here."""

import pytest

from ragstone_server.spi.embedder import Embedder
from ragstone_server.testing.conformance.embedder import EmbedderConformance
from ragstone_server.testing.memory.embedder import MemoryEmbedder


class TestMemory(EmbedderConformance):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return MemoryEmbedder()

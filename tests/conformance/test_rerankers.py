"""Every reranker passes the suite of its kind. A new one adds a class here."""

import pytest

from ragstone_server.spi.reranker import Reranker
from ragstone_server.testing.conformance.reranker import RerankerConformance
from ragstone_server.testing.memory.reranker import memory_reranker


class TestMemory(RerankerConformance):
    @pytest.fixture
    def reranker(self) -> Reranker:
        return memory_reranker

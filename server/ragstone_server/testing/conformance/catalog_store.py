"""Suite of catalog stores: every promise of `spi.catalog_store` is a test.

A subclass gives the fixture `store`, an opened store that holds nothing; see `tests/conformance`.
"""

import pytest

from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord
from ragstone_server.testing.conformance.catalog_collections import CollectionTests
from ragstone_server.testing.conformance.catalog_generations import GenerationTests
from ragstone_server.testing.conformance.catalog_log import LogTests
from ragstone_server.testing.conformance.catalog_operations import OperationTests
from ragstone_server.testing.conformance.catalog_prompts import PromptTests
from ragstone_server.testing.conformance.catalog_questions import QuestionTests
from ragstone_server.testing.conformance.catalog_reads import ReadTests
from ragstone_server.testing.conformance.catalog_samples import NAME, NOW, SETTINGS
from ragstone_server.testing.conformance.catalog_sources import SourceTests
from ragstone_server.testing.conformance.catalog_writes import WriteTests


class CatalogStoreConformance(
    CollectionTests,
    WriteTests,
    ReadTests,
    LogTests,
    GenerationTests,
    PromptTests,
    SourceTests,
    OperationTests,
    QuestionTests,
):
    """All of it."""

    @pytest.fixture
    async def collection(self, store: CatalogStore) -> CollectionRecord:
        """An empty collection."""
        return await store.create_collection(NAME, SETTINGS, NOW)

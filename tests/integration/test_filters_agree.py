"""The same filter and readers give the same documents in FAISS (one shard and three), Tantivy and the catalog.

They are compared with an evaluation that is written here, from the guide (docs/filters.md), and shares nothing with the server's.
"""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragstone_plugins.faiss.index import FaissIndex
from ragstone_plugins.faiss.settings import FaissSettings
from ragstone_plugins.sqlite.plugin import PROVIDER as SQLITE
from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_plugins.tantivy.index import TantivyIndex
from ragstone_plugins.tantivy.settings import TantivySettings
from ragstone_server.catalog.catalog import Catalog
from ragstone_server.spi.catalog_store import CatalogStore, DocumentFields
from ragstone_server.spi.filters import And, Comparison, Filter, Has, Not, Or
from ragstone_server.spi.generations import FIRST
from ragstone_server.spi.metadata import MetadataValue
from ragstone_server.spi.positions import NO_POSITION
from ragstone_server.spi.visibility import Attributes, Visibility
from ragstone_server.testing.conformance.catalog_samples import EMBEDDER, NOW, SETTINGS, name, put
from ragstone_server.testing.conformance.view_base import spec
from ragstone_server.testing.conformance.view_samples import attribute_sets, visibilities
from ragstone_server.testing.conformance.views import LexicalIndexConformance, VectorIndexConformance
from ragstone_server.testing.memory.clock import MemoryClock
from ragstone_server.testing.memory.host import MemoryHost

COMPARED = {"=": "__eq__", "<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__"}


def allowed(visibility: Visibility, attributes: Attributes) -> bool:
    if attributes.readers is None:
        readable = visibility.default_readable
    else:
        readable = any(principal in attributes.readers for principal in visibility.principals)
    return readable and (visibility.filter is None or holds(visibility.filter, dict(attributes.metadata)))


def holds(asked: Filter, metadata: dict[str, MetadataValue]) -> bool:
    match asked:
        case And():
            return all(holds(term, metadata) for term in asked.terms)
        case Or():
            return any(holds(term, metadata) for term in asked.terms)
        case Not():
            return not holds(asked.term, metadata)
        case Has(value=None):
            return asked.field in metadata
        case Has():
            return any(equal(each, asked.value) for each in values(metadata, asked.field))
        case Comparison(operator="!="):
            return not any(equal(each, asked.value) for each in values(metadata, asked.field))
        case Comparison():
            return any(compared(each, str(asked.operator), asked.value) for each in values(metadata, asked.field))


def values(metadata: dict[str, MetadataValue], field: str) -> Iterator[Any]:
    value = metadata.get(field)
    if isinstance(value, tuple):
        yield from value
    elif value is not None:
        yield value


def equal(left: Any, right: Any) -> bool:
    return type(left) is type(right) and left == right


def compared(left: Any, operator: str, right: Any) -> bool:
    return type(left) is type(right) and getattr(left, COMPARED[operator])(right) is True


def described(attributes: Attributes) -> DocumentFields:
    return DocumentFields(title="", uri="", mime_type="text/plain", language="en", attributes=attributes)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[MemoryHost]:
    async with MemoryHost(tmp_path, tmp_path) as host:
        yield host


@pytest.fixture
async def store(host: MemoryHost) -> AsyncIterator[CatalogStore]:
    async with SQLITE.open(SqliteConfig(), host) as store:
        yield store


NUMBERS = itertools.count()


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors, HealthCheck.too_slow],
)
@given(documents=st.lists(attribute_sets, min_size=1, max_size=8), asked=st.lists(visibilities, min_size=1, max_size=6))
async def test_p4_every_engine_lets_the_same_documents_through(
    host: MemoryHost, store: CatalogStore, tmp_path: Path, documents: list[Attributes], asked: list[Visibility]
) -> None:
    number = next(NUMBERS)
    made = await store.create_collection(name(f"c{number}"), SETTINGS, NOW)
    for place, attributes in enumerate(documents):
        await put(store, made.key, f"d{place}", f"ferry number {number} {place}", of=described(attributes))
    batch = await store.changes(made.key, FIRST, NO_POSITION, 100, texts=True, vectors=EMBEDDER)
    passages = {passage.key: change.attributes for change in batch.changes for passage in change.passages}
    async with AsyncExitStack() as stack:
        vectors = [
            await stack.enter_async_context(
                FaissIndex(FaissSettings(shards=shards), host).open_view(spec(tmp_path / f"{number}v{shards}"))
            )
            for shards in (1, 3)
        ]
        words = await stack.enter_async_context(
            TantivyIndex(TantivySettings(), host).open_view(spec(tmp_path / f"{number}w"))
        )
        for view in (*vectors, words):
            await view.apply(batch)
        for visibility in asked:
            expected = sorted(key for key, attributes in passages.items() if allowed(visibility, attributes))
            for each in vectors:
                found = await each.search(VectorIndexConformance().query(visibility, 100))
                assert sorted(hit.key for hit in found.hits) == expected
            found = await words.search(LexicalIndexConformance().words("ferry", visibility, 100))
            assert sorted(hit.key for hit in found.hits) == expected
            read = await Catalog(store, MemoryClock()).read_passages(made, list(passages), visibility, batch.position)
            assert sorted(read) == expected

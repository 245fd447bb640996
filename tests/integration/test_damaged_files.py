"""A collection with a damaged file: it answers, says so, tells the operator, and is whole again without embedding."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from ragstone import Client, NewDocument
from ragstone_plugins.faiss.index import FaissIndex
from ragstone_plugins.faiss.settings import FaissSettings
from ragstone_plugins.tantivy.index import TantivyIndex
from ragstone_plugins.tantivy.settings import TantivySettings
from ragstone_server.indexing.collection_index import IndexKinds
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.indexing.settings import IndexingSettings
from ragstone_server.spi.catalog_store import Generation
from ragstone_server.spi.generations import GenerationState
from ragstone_server.spi.positions import Position
from ragstone_server.testing.conformance.catalog_samples import EMBEDDER, NOW, SETTINGS, name, put
from ragstone_server.testing.conformance.view_base import spoil
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from ragstone_server.testing.memory.clock import MemoryClock
from ragstone_server.testing.memory.host import MemoryHost
from tests.served import Served
from tests.unit.indexing.shelf import Opened

WATCHFUL = {"RAGSTONE__VECTOR_INDEX__CHECK_EVERY_S": "0.2", "RAGSTONE__LEXICAL_INDEX__CHECK_EVERY_S": "0.2"}
FILES = ["vectors/*.segment", "vectors/manifest.json", "words/index/*.term", "words/index/meta.json"]


def _live_file(views: Path, pattern: str) -> Path:
    """The one; of the index of words, one of its largest segment."""
    found = sorted(views.glob(f"*/{pattern}"))
    if "term" in pattern:
        segments = json.loads((found[0].parent / "meta.json").read_bytes())["segments"]
        stem = max(segments, key=lambda segment: int(segment["max_doc"]))["segment_id"].replace("-", "")
        found = [path for path in found if path.stem == stem]
    (path,) = found
    return path


def _whole(client: Client) -> bool:
    failures = [view.failure for view in client.admin.status().views if view.failure]
    return not failures and len(client.retrieve("bell Nordvik", top_k=100)) == 40


def _until_whole(client: Client) -> None:
    deadline = time.monotonic() + 60
    while not _whole(client):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("pattern", FILES)
@pytest.mark.parametrize("while_open", [False, True])
def test_a_served_collection_survives_a_damaged_file(tmp_path: Path, pattern: str, while_open: bool) -> None:
    documents = [NewDocument(document=f"bell{n}", text=f"The bell number {n} of Nordvik rings.") for n in range(40)]
    with Served(tmp_path / "data", **WATCHFUL) as served:
        with served.client() as client:
            list(client.ingest(documents))
            assert len(client.retrieve("bell Nordvik", top_k=100, min_watermark="session")) == 40
        assert served.terminate() == 0
        path = _live_file(tmp_path / "data" / "views", pattern)
        if while_open:
            served.start()
        with served.client() as client:
            if while_open:
                assert _whole(client)
        spoil(path, "foreign")
        if not while_open:
            served.start()
        with served.client() as client:
            deadline = time.monotonic() + 60
            while not list((tmp_path / "data" / "views").glob("*/*/quarantine/*/report.txt")):
                assert client.retrieve("bell Nordvik", top_k=100), "the rest answers"
                assert time.monotonic() < deadline
            _until_whole(client)
        assert path.name in served.log()
        assert "expected" in served.log()


@pytest.mark.parametrize("pattern", ["vectors/*.segment", "words/index/*.term"])
async def test_p10_it_is_declared_and_told_until_it_is_repaired_without_an_embedder(
    tmp_path: Path, pattern: str
) -> None:
    store = MemoryCatalogStore()
    made = await store.create_collection(name("bells"), SETTINGS, NOW)
    async with store.transaction(made.key) as transaction:
        made_by = Generation(embedder=EMBEDDER, chunker="c")
        await transaction.add_generation(made_by, None, GenerationState.LIVE, NOW)
    for n in range(20):
        head = await put(store, made.key, f"d{n}", f"text {n} of the bell")
    collection = await store.collection(made.name)
    settings = IndexingSettings(refresh_seconds=0.01, heartbeat_seconds=0.05, batch_documents=3)
    snapshot, going = store.snapshot, asyncio.Event()

    async def held(*positional: Any, **named: Any) -> Any:
        await going.wait()
        return await snapshot(*positional, **named)

    store.snapshot = held  # type: ignore[method-assign]
    async with MemoryHost(tmp_path, tmp_path) as host:
        kinds = IndexKinds(
            vector=FaissIndex(FaissSettings(), host),
            lexical=TantivyIndex(TantivySettings(), host),
            generations=Opened(),
        )
        indexes = Indexes(kinds, store, tmp_path / "views", settings, MemoryClock())
        async with indexes.running(), indexes.pin(collection) as index:
            await index.wait_for(Position(head))
            counts = [await view.count() for view in (index.vectors, index.words)]
        path = _live_file(tmp_path / "views", pattern)
        spoil(path, "truncated")
        indexes = Indexes(kinds, store, tmp_path / "views", settings, MemoryClock())
        async with indexes.running(), indexes.pin(collection) as index:
            (harmed,) = [follower for follower in index.followers.values() if follower.rebuilding]
            assert harmed.name == pattern.partition("/")[0]
            assert path.name in indexes.failures()[collection.key][harmed.name]
            going.set()
            async with asyncio.timeout(30):
                while harmed.rebuilding:
                    await asyncio.sleep(0.01)
            assert indexes.failures() == {}
            assert [await view.count() for view in (index.vectors, index.words)] == counts

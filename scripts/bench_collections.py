"""Very many small collections in one server: start, memory, descriptors, threads, and the first question to a cold one.

Usage: python -m scripts.bench_collections [--collections 10000] [--asked 300] [--json]

The collections are written through the catalog, with vectors of the real embedder over ten distinct texts. The views of those that
are asked are made by asking them once; of the others the catalog is told that their views are up to date, so that the start
that is measured is that of a settled server.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

from ragstone import Client
from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_plugins.sqlite.store import open_store
from ragstone_server.bench.process import Measured, ragstone, running
from ragstone_server.spi.catalog_records import NewCut
from ragstone_server.spi.catalog_store import (
    CatalogStore,
    CollectionRecord,
    CollectionSettings,
    DefaultReaders,
    DocumentFields,
    NewContent,
    NewPassage,
    VersionScheme,
)
from ragstone_server.spi.generations import FIRST, Generation, GenerationState
from ragstone_server.spi.names import DEFAULT_COLLECTION, DEFAULT_TENANT, CollectionId, CollectionName, DocumentId
from ragstone_server.spi.positions import PassageKey
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.visibility import Attributes
from ragstone_server.testing.memory.host import MemoryHost

PASSAGES = 10
AT_ONCE = 64
TEXT = "\n\n".join(
    f"The ferry number {n} of Nordvik leaves at {n + 6} and calls at {n} islands." for n in range(PASSAGES)
)
SETTINGS = CollectionSettings(
    description="", default_readers=DefaultReaders.TENANT, version_scheme=VersionScheme.NUMBER
)
FIELDS = DocumentFields(
    title="", uri="", mime_type="text/plain", language="en", attributes=Attributes(metadata={}, readers=None)
)


def main() -> None:
    """Make the directory, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collections", type=int, default=10_000)
    parser.add_argument("--asked", type=int, default=300, help="how many of them are asked, each when it is cold")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.collections, options.asked)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(f"{name:42} {figure:10.1f}")


def measure(data_dir: Path, collections: int, asked: int) -> dict[str, float]:
    """Figures by name."""
    command = ragstone(data_dir)
    with running(*command) as server, Client(server.address) as client:
        for n, text in enumerate(TEXT.split("\n\n")):
            client.upsert_document(f"d{n}", text=text)
    began = time.perf_counter()
    asyncio.run(_write(data_dir, collections))
    figures = {"writing the catalog, s": time.perf_counter() - began, "load of the machine, 1 min": os.getloadavg()[0]}
    names = [_label(n) for n in range(0, collections, max(1, collections // asked))][:asked]
    with running(*command) as server, Client(server.address) as client:
        _ask(client, names)
    asyncio.run(_settle(data_dir, set(names)))
    with running(*command) as server, Client(server.address) as client:
        figures |= {"start, s": server.start_s} | _state(server, "at the start")
        times = _ask(client, names)
        figures["cold question, p50 ms"] = median(times) * 1000
        figures["cold question, p95 ms"] = quantiles(times, n=20)[-1] * 1000
        figures |= _state(server, "after the questions")
        warm = _ask(client, names[-20:])
        figures["warm question, p50 ms"] = median(warm) * 1000
    return figures


def _ask(client: Client, names: list[str]) -> list[float]:
    times = []
    for name in names:
        began = time.perf_counter()
        found = client.retrieve("When does the ferry leave?", collection=name, top_k=PASSAGES)
        times.append(time.perf_counter() - began)
        while len(found) < PASSAGES:  # the first time its views have to follow
            time.sleep(0.05)
            found = client.retrieve("When does the ferry leave?", collection=name, top_k=PASSAGES)
    return times


def _state(server: Measured, when: str) -> dict[str, float]:
    process = Path(f"/proc/{server.pid}")
    return {
        f"resident {when}, MiB": server.resident_mb(),
        f"descriptors {when}": len(list((process / "fd").iterdir())),
        f"threads {when}": len(list((process / "task").iterdir())),
    }


def _label(number: int) -> str:
    return f"c{number:06}"


async def _write(data_dir: Path, collections: int) -> None:
    async with MemoryHost(data_dir, data_dir) as host, open_store(SqliteConfig(), host) as store:
        first = await store.collection(CollectionName(tenant=DEFAULT_TENANT, collection=DEFAULT_COLLECTION))
        stored = await store.passages(first.key, [PassageKey(key) for key in range(1, PASSAGES + 1)])
        hashes = [stored[PassageKey(key)].text_hash for key in range(1, PASSAGES + 1)]
        free = asyncio.Semaphore(AT_ONCE)

        async def write(number: int) -> None:
            async with free:
                await _write_one(store, first, _label(number), hashes)

        await asyncio.gather(*(write(number) for number in range(collections)))


async def _write_one(store: CatalogStore, like: CollectionRecord, label: str, hashes: list[bytes]) -> None:
    assert like.live is not None
    made_by = like.live.generation
    now = datetime.now(UTC)
    name = CollectionName(tenant=DEFAULT_TENANT, collection=CollectionId(label))
    made = await store.create_collection(name, SETTINGS, now)
    async with store.transaction(made.key) as transaction:
        await transaction.add_generation(made_by, like.live.recipe, GenerationState.LIVE, now)
        await transaction.put_document(DocumentId("d"), 1, FIELDS, _content(label, hashes, made_by), now)


def _content(label: str, hashes: list[bytes], made_by: Generation) -> NewContent:
    passages, begin = [], 0
    for number, (text, text_hash) in enumerate(zip(TEXT.split("\n\n"), hashes, strict=True)):
        passages.append(
            NewPassage(
                passage_id=f"{label}-{number}",
                range=ByteRange(start=begin, end=begin + len(text)),
                page=None,
                headings=(),
                text_hash=text_hash,
                tokens=20,
            )
        )
        begin += len(text) + 2
    return NewContent(
        content_hash=label.encode(),
        size_bytes=len(TEXT),
        text=TEXT,
        cuts={FIRST: NewCut(passages=tuple(passages), vectors={}, generation=made_by)},
    )


async def _settle(data_dir: Path, asked: set[str]) -> None:
    """Tell the catalog that the views of all others are up to date."""
    async with MemoryHost(data_dir, data_dir) as host, open_store(SqliteConfig(), host) as store:
        now = datetime.now(UTC)
        views = await _views(store)
        for head in await store.heads():
            if str(head.name).rpartition("/")[2] not in asked:
                for view in views:
                    await store.put_follower(head.key, view, head.head, now)


async def _views(store: CatalogStore) -> list[str]:
    first = await store.collection(CollectionName(tenant=DEFAULT_TENANT, collection=DEFAULT_COLLECTION))
    return list(await store.followers(first.key))


if __name__ == "__main__":
    main()

"""Ingest beside the embedder alone on the same passages."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from ragstone import Client, NewDocument
from ragstone_server.app.configuration import parse_configuration
from ragstone_server.config.source import load
from ragstone_server.pipelines.plain_text import plain_document
from ragstone_server.registry.clock import SystemClock
from ragstone_server.registry.discovery import discover
from ragstone_server.registry.lanes import thread_lane
from ragstone_server.registry.registry import Registry, ServerHost
from ragstone_server.spi.chunker import ChunkRequest
from ragstone_server.spi.embedder import EmbedRequest, Purpose
from ragstone_server.spi.evidence import rendered
from ragstone_server.spi.kinds import CHUNKER, EMBEDDER
from scripts.benchmarks.process import Measured

GROUP = 64


def measure_ingest(server: Measured, documents: Sequence[NewDocument], collection: str) -> dict[str, float]:
    """Passages a second, and the embedder's share of the server's processor time."""
    with Client(server.address) as client:
        client.admin.create_collection(collection)
        cpu, began = server.cpu_s(), time.perf_counter()
        for acknowledgement in client.ingest(documents):
            if acknowledgement.error is not None:
                raise acknowledgement.error
        acknowledged_s = time.perf_counter() - began
        client.retrieve("ready", collection=collection, min_watermark="session", timeout=600)
        searchable_s, server_cpu = time.perf_counter() - began, server.cpu_s() - cpu
    passages, embedder_cpu, embedder_s = asyncio.run(embedder_alone(documents))
    return {
        "documents": len(documents),
        "passages": passages,
        "passages_per_s": passages / acknowledged_s,
        "embedder_alone_passages_per_s": passages / embedder_s,
        "searchable_after_s": searchable_s - acknowledged_s,
        "server_cpu_s": server_cpu,
        "embedder_alone_cpu_s": embedder_cpu,
        "embedder_share_of_cpu": embedder_cpu / server_cpu,
    }


async def embedder_alone(documents: Sequence[NewDocument]) -> tuple[int, float, float]:
    """The same chunks through the same embedder, in this process, with nothing around it."""
    configuration = parse_configuration(load(None))
    async with AsyncExitStack() as stack:
        lane = await stack.enter_async_context(thread_lane("bench", 2))
        host = ServerHost(
            clock=SystemClock(),
            data_dir=Path(),
            models_dir=configuration.server.models_dir,
            interactive=lane,
            bulk=lane,
            opened={},
        )
        registry = Registry(discover(), configuration.selections, host, stack)
        embedder, chunker = await registry.open(EMBEDDER), await registry.open(CHUNKER)
        texts: list[str] = []
        for document in documents:
            parsed = plain_document(document.text or "")
            request = ChunkRequest(document=parsed, tokenizer=embedder.tokenizer, max_tokens=embedder.max_tokens)
            texts += [rendered(document.title or "", c.headings, c.text) for c in await chunker(request)]
        distinct = sorted(set(texts), key=len)
        groups = [tuple(distinct[i : i + GROUP]) for i in range(0, len(distinct), GROUP)]
        cpu, began = time.process_time(), time.perf_counter()
        await asyncio.gather(*(embedder(EmbedRequest(texts=group, purpose=Purpose.PASSAGE)) for group in groups))
        return len(texts), time.process_time() - cpu, time.perf_counter() - began

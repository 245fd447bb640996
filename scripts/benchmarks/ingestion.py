"""Ingest beside the embedder alone on the same passages."""

import asyncio
import time
from collections.abc import Sequence

from ragstone import Client, NewDocument
from ragstone_server.bench.embedder import embedder_alone
from ragstone_server.bench.process import Measured


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
    alone = asyncio.run(embedder_alone([(each.title or "", each.text or "") for each in documents]))
    return {
        "documents": len(documents),
        "passages": alone.passages,
        "passages_per_s": alone.passages / acknowledged_s,
        "embedder_alone_passages_per_s": alone.passages / alone.seconds,
        "searchable_after_s": searchable_s - acknowledged_s,
        "server_cpu_s": server_cpu,
        "embedder_alone_cpu_s": alone.cpu_s,
        "embedder_share_of_cpu": alone.cpu_s / server_cpu,
    }

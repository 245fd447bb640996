"""The embedder alone: the chunks of documents, with nothing around it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ragstone_server.bench.parts import parts
from ragstone_server.pipelines.plain_text import plain_document
from ragstone_server.spi.chunker import ChunkRequest
from ragstone_server.spi.embedder import EmbedRequest, Purpose
from ragstone_server.spi.evidence import rendered
from ragstone_server.spi.kinds import CHUNKER, EMBEDDER

GROUP: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """What it took."""

    passages: int
    seconds: float
    cpu_s: float


async def embedder_alone(documents: Sequence[tuple[str, str]]) -> Alone:
    """Embed the chunks of these titles and texts in this process, each distinct one once, those of like length together."""
    async with parts(Path()) as opened:
        embedder, chunker = await opened.registry.open(EMBEDDER), await opened.registry.open(CHUNKER)
        texts: list[str] = []
        for title, text in documents:
            request = ChunkRequest(
                document=plain_document(text), tokenizer=embedder.tokenizer, max_tokens=embedder.max_tokens
            )
            texts += [rendered(title, chunk.headings, chunk.text) for chunk in await chunker(request)]
        distinct = sorted(set(texts), key=len)
        groups = [tuple(distinct[i : i + GROUP]) for i in range(0, len(distinct), GROUP)]
        cpu, began = time.process_time(), time.perf_counter()
        await asyncio.gather(*(embedder(EmbedRequest(texts=group, purpose=Purpose.PASSAGE)) for group in groups))
        return Alone(passages=len(texts), seconds=time.perf_counter() - began, cpu_s=time.process_time() - cpu)

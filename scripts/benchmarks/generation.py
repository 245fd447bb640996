"""Streamed answers beside the provider called directly, with the same prompt, in the same run."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

import aiohttp

from ragstone import AsyncClient, Delta, Evidence
from ragstone_server.bench.process import Measured
from scripts.benchmarks.provider_server import STAMP

Figures = dict[str, float]
QUESTION = "When does the bell of tower 7 ring?"


@dataclass
class Seen:
    """One streamed answer, as its reader saw it; times in seconds."""

    first_s: float = 0.0
    """From the moment when generation could begin until the first text."""
    delays_s: list[float] = field(default_factory=list)
    """From the provider's sending of a token until the reader had it."""
    messages: int = 0

    def take(self, text: str, began: float) -> None:
        """A piece of the answer has come."""
        now = time.monotonic()
        self.first_s = self.first_s or now - began
        self.messages += 1
        self.delays_s += [now - float(piece.split()[0]) for piece in text.split(STAMP)[1:]]


async def through_ragstone(client: AsyncClient) -> Seen:
    """Ask the server; the clock starts with the evidence, so that retrieval is left out."""
    seen, began = Seen(), time.monotonic()
    async for event in client.query(QUESTION, top_k=3):
        match event:
            case Evidence():
                began = time.monotonic()
            case Delta(text=text):
                seen.take(text, began)
    return seen


async def directly(client: aiohttp.ClientSession, url: str, prompt: Sequence[dict[str, str]]) -> Seen:
    """Ask the provider."""
    body: dict[str, Any] = {"model": "m", "messages": list(prompt), "stream": True, "max_tokens": 512}
    seen, began = Seen(), time.monotonic()
    async with client.post(f"{url}/chat/completions", json=body) as response:
        async for line in response.content:
            if line.startswith(b"data: {") and b'"content"' in line:
                seen.take(line.decode().rpartition('"content": "')[2].partition('"')[0], began)
    return seen


async def measure_streams(
    server: Measured, url: str, prompt: Sequence[dict[str, str]], streams: int, at_once: int
) -> dict[str, Figures]:
    """So many streams, so many at once, through Ragstone and directly, in turns."""
    async with AsyncClient(server.address) as client, aiohttp.ClientSession() as bare:
        for _ in range(3):
            await through_ragstone(client)
            await directly(bare, url, prompt)
        figures = {}
        cpu, began = server.cpu_s(), time.monotonic()
        ours = await _side_by_side(streams, at_once, lambda: through_ragstone(client))
        figures["ragstone"] = _figures(ours, time.monotonic() - began, server.cpu_s() - cpu)
        cpu = server.cpu_s()
        for _ in range(streams):
            await client.retrieve(QUESTION, top_k=3)
        figures["ragstone"]["retrieval_cpu_ms"] = (server.cpu_s() - cpu) / streams * 1e3
        began = time.monotonic()
        theirs = await _side_by_side(streams, at_once, lambda: directly(bare, url, prompt))
        figures["direct"] = _figures(theirs, time.monotonic() - began, 0.0)
    return figures


async def _side_by_side(streams: int, at_once: int, ask: Any) -> list[Seen]:
    places = asyncio.Semaphore(at_once)

    async def one() -> Seen:
        async with places:
            seen: Seen = await ask()
            return seen

    return await asyncio.gather(*(one() for _ in range(streams)))


def _figures(seen: Sequence[Seen], seconds: float, cpu_s: float) -> Figures:
    delays = [delay for each in seen for delay in each.delays_s]
    messages = sum(each.messages for each in seen)
    return {
        "first_token_p50_ms": median(each.first_s for each in seen) * 1e3,
        "token_delay_p50_ms": median(delays) * 1e3,
        "token_delay_p99_ms": quantiles(delays, n=100)[98] * 1e3,
        "streams_per_s": len(seen) / seconds,
        "messages_per_s": messages / seconds,
        "tokens_per_message": len(delays) / messages,
        "server_cpu_ms_per_stream": cpu_s / len(seen) * 1e3,
    }

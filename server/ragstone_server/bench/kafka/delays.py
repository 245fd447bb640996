"""From producing an event to finding its document, at a steady rate of events."""

import asyncio
import time
from collections.abc import Sequence
from statistics import median, quantiles

from aiokafka import AIOKafkaProducer

from ragstone import AsyncClient
from ragstone_server.bench.kafka.events import HEADERS, Event

PER_SECOND = 20
EVERY = 10
"""Of so many events one is looked for: looking takes processor time from those who are measured."""
LOOK_S = 0.04
LONGEST_S = 300.0
LETTERS = 200
"""Of a document; longer ones would show what the embedder takes."""
Figures = dict[str, float]


async def measure_delays(bootstrap: str, topic: str, address: str, texts: Sequence[str], seconds: int) -> Figures:
    """Each event is a new document with a word of its own, embedded."""
    began = time.time()
    sent: asyncio.Queue[tuple[str, float] | None] = asyncio.Queue()
    async with AsyncClient(address) as client, AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        looking = asyncio.create_task(_look(client, sent))
        for number in range(PER_SECOND * seconds):
            word = f"zy{int(began)}x{number}"
            looked_for = number % EVERY == 0
            text = f"{word} {texts[number % len(texts)][:LETTERS]}"
            event = Event(document=word, version=1, text=text, kind=word if looked_for else "bench")
            await asyncio.sleep(began + number / PER_SECOND - time.time())
            if looked_for:
                sent.put_nowait((word, time.perf_counter()))
            await producer.send(topic, event.value, key=event.key, headers=HEADERS)
        sent.put_nowait(None)
        delays = await looking
    return {
        "events": PER_SECOND * seconds,
        "looked_for": len(delays),
        "p50_s": median(delays),
        "p95_s": quantiles(delays, n=20)[18],
    }


async def _look(client: AsyncClient, sent: "asyncio.Queue[tuple[str, float] | None]") -> list[float]:
    """One after the other, in the order in which they were sent."""
    delays = []
    while (each := await sent.get()) is not None:
        word, began = each
        async with asyncio.timeout(LONGEST_S):
            # By a filter too: all of these words are alike to the model, and the one may not be among the first passages.
            while not await client.retrieve(word, filter=f'kind = "{word}"', top_k=1):  # noqa: ASYNC110 - looking is asking
                await asyncio.sleep(LOOK_S)
        delays.append(time.perf_counter() - began)
    return delays

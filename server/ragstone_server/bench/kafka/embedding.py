"""Events whose documents have to be embedded, beside the embedder alone on the same texts."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ragstone_server.bench.embedder import embedder_alone
from ragstone_server.bench.kafka.events import TITLE, Event
from ragstone_server.bench.kafka.rates import measure_rate
from ragstone_server.bench.kafka.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """One round."""

    passages: float
    passages_per_s: float
    alone_per_s: float
    """Of the embedder alone: the mean of before and after, since what else the machine does changes meanwhile."""
    server_cpu_ms: float
    """Of processor time a passage."""
    alone_cpu_ms: float

    @property
    def ratio(self) -> float:
        """Of the embedder's own rate."""
        return self.passages_per_s / self.alone_per_s


def measure_embedding(services: Services, texts: Sequence[str], number: int) -> Embedding:
    """Every text is new to the catalog."""
    titled = [(TITLE, text) for text in texts]
    events = [Event(document=str(i), version=1, text=text) for i, text in enumerate(texts)]
    before = asyncio.run(embedder_alone(titled))
    rate = measure_rate(services, services.database(f"embedding{number}"), f"embedding{number}", events)
    after = asyncio.run(embedder_alone(titled))
    # What was applied before the clock began is left out on both sides.
    passages = before.passages * rate.events / len(events)
    return Embedding(
        passages=passages,
        passages_per_s=passages / rate.seconds,
        alone_per_s=2 * before.passages / (before.seconds + after.seconds),
        server_cpu_ms=rate.server_cpu_us * rate.events / passages / 1e3,
        alone_cpu_ms=(before.cpu_s + after.cpu_s) / 2 / before.passages * 1e3,
    )

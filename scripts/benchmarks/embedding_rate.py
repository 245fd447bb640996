"""Events whose documents have to be embedded, beside the embedder alone on the same texts."""

import asyncio
from collections.abc import Sequence

from ragstone import NewDocument
from scripts.benchmarks.event_rates import measure_rate
from scripts.benchmarks.events import TITLE, Event
from scripts.benchmarks.ingestion import embedder_alone
from scripts.benchmarks.production import Production

Figures = dict[str, float]


def measure_embedding(production: Production, texts: Sequence[str], rounds: int) -> list[Figures]:
    """In turns, since what else the machine does comes and goes."""
    return [_measure(production, texts, number) for number in range(rounds)]


def _measure(production: Production, texts: Sequence[str], number: int) -> Figures:
    database = production.database(f"embedding{number}")
    documents = [NewDocument(document=str(i), title=TITLE, text=text) for i, text in enumerate(texts)]
    before = asyncio.run(embedder_alone(documents))
    events = [Event(document=str(i), version=1, text=text) for i, text in enumerate(texts)]
    figures = measure_rate(production, database, f"embedding{number}", events)["ragstone"]
    # The mean of before and after: what else the machine does changes meanwhile.
    passages, cpu, seconds = (
        (one + other) / 2 for one, other in zip(before, asyncio.run(embedder_alone(documents)), strict=True)
    )
    # What was applied before the clock began is left out on both sides.
    share = figures["events"] / len(events)
    ours = passages * share / (figures["events"] / figures["events_per_s"])
    return {
        "documents": figures["events"],
        "passages": passages * share,
        "passages_per_s": ours,
        "embedder_alone_passages_per_s": passages / seconds,
        "ratio": ours / (passages / seconds),
        "server_cpu_ms_per_passage": figures["cpu_us_per_event"] * figures["events"] / (passages * share) / 1e3,
        "embedder_alone_cpu_ms_per_passage": cpu / passages * 1e3,
    }

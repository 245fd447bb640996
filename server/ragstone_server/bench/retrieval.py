"""Retrieval over a corpus: a served Ragstone beside a bare echo and beside the libraries alone, in one run."""

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ragstone import Client
from ragstone_server.bench import echo
from ragstone_server.bench.calls import METHOD, request
from ragstone_server.bench.fill import fill
from ragstone_server.bench.load import Load, measure
from ragstone_server.bench.opened import opened_index
from ragstone_server.bench.parts import parts
from ragstone_server.bench.process import Measured, module, ragstone, running
from ragstone_server.bench.raw import Costs, floor
from ragstone_server.bench.recall import Filtered, metadata, recall
from ragstone_server.bench.stages import stage_costs
from ragstone_server.bench.vectors import Progress, embedded
from ragstone_server.bench.writing import Beside, measure_writing
from ragstone_server.spi.kinds import EMBEDDER
from ragstone_server.spi.names import CollectionName

COLLECTION: Final = CollectionName.parse("tenants/default/collections/bench")
CALLERS: Final = (1, 4, 16, 64)
QUESTIONS: Final = 2000
FEWER_QUESTIONS: Final = 200
"""For what scans everything."""
QUESTION_WORDS: Final = 12
ECHO_BYTES: Final = 16 * 1024
"""About the size of ten passages."""
READY_S: Final = 3600.0
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """What was measured."""

    passages: int
    ragstone: Sequence[Load]
    echo: Sequence[Load]
    floor: Costs
    stages: Costs
    """Of Ragstone's own."""
    beside: Beside
    filtered: Sequence[Filtered]
    first_answer_s: float
    """From the start of the process to the first answer, with everything on disk."""
    resident_mb: float
    """Of the server, after all calls."""
    index_mb: float
    """Of the index files."""


def measure_retrieval(corpus: Path, texts: list[str], scratch: Path, tell: Tell, progress: Progress) -> Retrieval:
    """`corpus` is where the vectors are kept beside; `scratch` an empty folder, or one that a former run has filled."""
    rows, questions = _apart(texts)
    data, calls = scratch / "data", [request(str(COLLECTION), question) for question in questions]
    tell(f"vectors of {len(texts)} passages (kept beside {corpus})")
    vectors = asyncio.run(_embedded(corpus, texts, progress))[rows]
    texts = [texts[row] for row in rows]
    if not data.exists():
        tell("writing them into a catalog")
        part = scratch / "part"
        asyncio.run(fill(part, COLLECTION, texts, vectors, [metadata(row) for row in range(len(texts))], progress))
        part.rename(data)
    tell("indexing")
    with running(*ragstone(data)) as server:
        _ready(server, questions[0])
    with running(*module(echo)) as bare:
        floors = [measure(bare, echo.METHOD, [b"x" * ECHO_BYTES] * len(calls), callers) for callers in CALLERS]
    began = time.perf_counter()
    with running(*ragstone(data)) as server:
        _ask(server, questions[0])
        first_answer_s = time.perf_counter() - began
        _ready(server, questions[0])
        loads = []
        for callers in CALLERS:
            tell(f"retrieving, {callers} at once")
            loads.append(measure(server, METHOD, calls, callers))
        resident_mb = server.resident_mb()
        tell("retrieving, one at once, beside writing")
        beside = measure_writing(server, COLLECTION.collection, texts, METHOD, calls)
    tell("searching with filters, and scanning everything for the truth")
    few = questions[:FEWER_QUESTIONS]
    filtered, stages = asyncio.run(_inside(data, vectors, few))
    tell("asking the libraries alone")
    raw = asyncio.run(_floor(scratch, texts, vectors, few))
    return Retrieval(
        passages=len(texts),
        ragstone=loads,
        echo=floors,
        floor=raw,
        stages=stages,
        beside=beside,
        filtered=filtered,
        first_answer_s=first_answer_s,
        resident_mb=resident_mb,
        index_mb=sum(file.stat().st_size for file in (data / "views").rglob("*") if file.is_file()) / 2**20,
    )


def _apart(texts: list[str]) -> tuple[list[int], list[str]]:
    """Rows of the corpus, and the beginnings of texts that are taken out of it as questions."""
    chosen = set(random.Random(0).sample(range(len(texts)), min(QUESTIONS, len(texts) // 10)))  # noqa: S311
    questions = [" ".join(texts[row].split()[:QUESTION_WORDS]) for row in sorted(chosen)]
    return [row for row in range(len(texts)) if row not in chosen], questions


async def _embedded(corpus: Path, texts: list[str], progress: Progress) -> NDArray[np.float16]:
    async with parts(corpus.parent) as opened:
        return await embedded(texts, await opened.registry.open(EMBEDDER), corpus, progress)


async def _inside(data: Path, vectors: NDArray[np.float16], questions: Sequence[str]) -> tuple[list[Filtered], Costs]:
    async with opened_index(data, COLLECTION) as opened:
        return await recall(opened, vectors, questions), await stage_costs(opened, questions)


async def _floor(scratch: Path, texts: Sequence[str], vectors: NDArray[np.float16], questions: Sequence[str]) -> Costs:
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        async with parts(Path(folder)) as opened:
            return await floor(Path(folder), texts, vectors, questions, await opened.registry.open(EMBEDDER))


def _ask(server: Measured, question: str) -> None:
    with Client(server.address) as client:
        client.retrieve(question, collection=COLLECTION.collection)


def _ready(server: Measured, question: str) -> None:
    """Wait until the views have everything."""
    with Client(server.address) as client:
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            views = [v for v in client.admin.status().views if v.collection == str(COLLECTION)]
            if views and all(view.position == view.head for view in views):
                return
            _ask(server, question)
            time.sleep(0.5)
        raise TimeoutError("the views do not catch up")

"""Recall and time of filtered searches on real embeddings, beside an exact scan.

Usage: python -m scripts.bench_filters --corpus BEIR_FOLDER [--vectors 20000] [--json]

Sentences of the corpus are embedded once with the model of `make setup`; each search is of a question of the corpus.
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.faiss.index import FaissIndex
from ragstone_plugins.faiss.settings import FaissSettings
from ragstone_plugins.onnx.plugin import PROVIDER
from ragstone_plugins.onnx.settings import OnnxEmbedderSettings
from ragstone_server.app.settings import ServerSettings
from ragstone_server.spi.embedder import EmbedRequest, Purpose
from ragstone_server.spi.filters import Comparison, Operator
from ragstone_server.spi.positions import DocumentKey, PassageKey, Position
from ragstone_server.spi.views import ChangeBatch, DocumentChange, IndexedPassage, VectorQuery
from ragstone_server.spi.visibility import Attributes, Visibility
from ragstone_server.testing.conformance.samples import CONTEXT
from ragstone_server.testing.conformance.view_base import spec
from ragstone_server.testing.memory.host import MemoryHost

SHARES = (1.0, 0.1, 0.01, 0.001, 0.0001)
LIMIT = 10
_OPEN = Attributes(metadata={}, readers=None)
_RED = Attributes(metadata={"colour": "red"}, readers=None)
_ONLY_RED = Visibility(
    principals=frozenset(),
    default_readable=True,
    filter=Comparison(field="colour", operator=Operator.EQUAL, value="red"),
)


def main() -> None:
    """Embed, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder in BEIR layout: corpus.jsonl, queries.jsonl")
    parser.add_argument("--vectors", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = asyncio.run(_measure(options.corpus, options.vectors))
    if options.json:
        print(json.dumps(rows))
        return
    print("| rows that pass | share | recall@10 | p50 ms |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row['rows']:.0f} | {row['share']:.2%} | {row['recall']:.4f} | {row['p50_ms']:.2f} |")


async def _measure(corpus: Path, count: int) -> list[dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            MemoryHost(Path(folder), ServerSettings().models_dir) as host,
            PROVIDER.open(OnnxEmbedderSettings(), host) as embedder,
        ):
            vectors = await embedder(EmbedRequest(texts=_sentences(corpus, count), purpose=Purpose.PASSAGE))
            questions = await embedder(EmbedRequest(texts=_questions(corpus), purpose=Purpose.QUESTION))
            return [await _share(host, Path(folder), vectors.astype(np.float16), questions, share) for share in SHARES]


def _sentences(corpus: Path, count: int) -> tuple[str, ...]:
    lines = (corpus / "corpus.jsonl").read_text("utf-8").splitlines()
    sentences = dict.fromkeys(s for line in lines for s in json.loads(line)["text"].split(". ") if len(s) > 30)
    return tuple(sentences)[:count]


def _questions(corpus: Path) -> tuple[str, ...]:
    lines = (corpus / "queries.jsonl").read_text("utf-8").splitlines()
    return tuple(json.loads(line)["text"] for line in lines)


async def _share(
    host: MemoryHost, folder: Path, vectors: NDArray[np.float16], questions: NDArray[np.float32], share: float
) -> dict[str, float]:
    rows = len(vectors)
    passing = np.random.default_rng(3).permutation(rows) < max(1, round(rows * share))
    changes = tuple(
        DocumentChange(
            document=DocumentKey(row + 1),
            attributes=_RED if passing[row] else _OPEN,
            language=None,
            passages=(IndexedPassage(key=PassageKey(row), text="", vector=vectors[row]),),
        )
        for row in range(rows)
    )
    where = spec(folder / str(share), dimension=vectors.shape[1])
    found, wanted, times = 0, 0, []
    async with FaissIndex(FaissSettings(), host).open_view(where) as view:
        await view.apply(ChangeBatch(changes=changes, position=Position(1)))
        await view.flush()
        for question in questions:
            scores = np.where(passing, vectors.astype(np.float32) @ question, -np.inf)
            best = set(np.argsort(-scores)[: min(LIMIT, int(passing.sum()))].tolist())
            began = time.perf_counter()
            hits = await view.search(VectorQuery(context=CONTEXT, vector=question, limit=LIMIT, visibility=_ONLY_RED))
            times.append(time.perf_counter() - began)
            found, wanted = found + len(best & {int(hit.key) for hit in hits.hits}), wanted + len(best)
    return {
        "rows": float(passing.sum()),
        "share": share,
        "recall": found / wanted,
        "p50_ms": median(times) * 1000,
    }


if __name__ == "__main__":
    main()

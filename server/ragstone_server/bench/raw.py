"""The floor: what a retrieval costs with the libraries alone, called one after the other in one thread."""

import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np
import tantivy
from numpy.typing import NDArray

from ragstone_server.spi.embedder import Embedder, EmbedRequest, Purpose

CANDIDATES: Final = 100
PASSAGES: Final = 10
"""Whose texts are read at the end."""
FACTOR: Final = 4
_BLOCK: Final = 8192
_WORD: Final = re.compile(r"\w+")
_STOP_WORDS: Final = frozenset(
    "a an and are as at be by for from has in is it its of on or that the this to was what when where which who with".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Milliseconds of processor time a question."""

    embed_ms: float
    vectors_ms: float
    words_ms: float
    texts_ms: float
    """Of the passages that are returned."""

    @property
    def total_ms(self) -> float:
        """Of all four."""
        return self.embed_ms + self.vectors_ms + self.words_ms + self.texts_ms


async def floor(
    directory: Path, texts: Sequence[str], vectors: NDArray[np.float16], questions: Sequence[str], embedder: Embedder
) -> Costs:
    """Indexes are made in `directory`, which is empty. Each question is asked once of each library."""
    faiss.omp_set_num_threads(1)
    index, searcher, schema = _vectors(vectors), *_words(directory / "words", texts)
    embedded = [await embedder(EmbedRequest(texts=(each,), purpose=Purpose.QUESTION)) for each in questions[:20]]
    began = time.process_time()
    embedded = [await embedder(EmbedRequest(texts=(each,), purpose=Purpose.QUESTION)) for each in questions]
    embed_ms = (time.process_time() - began) * 1e3 / len(questions)
    with closing(_texts(directory / "texts.sqlite3", texts)) as table:
        rows = np.random.default_rng(0).integers(0, len(texts), (len(questions), PASSAGES))
        return Costs(
            embed_ms=embed_ms,
            vectors_ms=_cost(lambda vector: index.search(vector, CANDIDATES), embedded),
            words_ms=_cost(lambda words: searcher.search(_query(schema, words), CANDIDATES, count=False), questions),
            texts_ms=_cost(lambda wanted: _read(table, wanted), [row.tolist() for row in rows]),
        )


def _cost(call: Callable[[Any], object], asked: Sequence[Any]) -> float:
    for each in asked[:20]:
        call(each)
    began = time.process_time()
    for each in asked:
        call(each)
    return (time.process_time() - began) * 1e3 / len(asked)


def _vectors(vectors: NDArray[np.float16]) -> Any:
    dimension = vectors.shape[1]
    sketch = faiss.IndexPQFastScan(dimension, dimension // 4, 4, faiss.METRIC_INNER_PRODUCT)
    flat = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    sketch.train(vectors[:: max(1, len(vectors) // 4096)].astype(np.float32))
    for block in _blocks(vectors):
        sketch.add(block)
        flat.add(block)
    index = faiss.IndexRefine(sketch, flat)
    index.k_factor = FACTOR
    index.__dict__["kept"] = (sketch, flat)  # the index only points to them
    return index


def _blocks(vectors: NDArray[np.float16]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(vectors), _BLOCK):
        yield vectors[start : start + _BLOCK].astype(np.float32)


def _words(directory: Path, texts: Sequence[str]) -> tuple[tantivy.Searcher, tantivy.Schema]:
    directory.mkdir()
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("row", fast=True)
    builder.add_text_field("text", tokenizer_name="en_stem", index_option="freq")
    schema = builder.build()
    index = tantivy.Index(schema, path=str(directory))
    writer = index.writer(128_000_000, 1)
    for row, text in enumerate(texts):
        document = tantivy.Document()
        document.add_unsigned("row", row)
        document.add_text("text", text)
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index.searcher(), schema


def _query(schema: tantivy.Schema, question: str) -> tantivy.Query:
    words = dict.fromkeys(word for word in _WORD.findall(question.lower()) if word not in _STOP_WORDS)
    analyzer = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).filter(tantivy.Filter.stemmer("english")).build()
    stems = dict.fromkeys(stem for word in words for stem in analyzer.analyze(word))
    terms = [tantivy.Query.term_query(schema, "text", stem, "freq") for stem in stems]
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms])


def _texts(file: Path, texts: Sequence[str]) -> sqlite3.Connection:
    table = sqlite3.connect(file)
    table.execute("CREATE TABLE texts (row INTEGER PRIMARY KEY, text TEXT)")
    table.executemany("INSERT INTO texts VALUES (?, ?)", enumerate(texts))
    table.commit()
    return table


def _read(table: sqlite3.Connection, rows: Sequence[int]) -> list[tuple[str]]:
    return table.execute(f"SELECT text FROM texts WHERE row IN ({','.join('?' * len(rows))})", rows).fetchall()  # noqa: S608

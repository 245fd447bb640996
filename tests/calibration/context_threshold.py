"""Chooses the cosine below which the context filter `evidence` drops a passage, and reports what it costs and spares.

    python tests/calibration/context_threshold.py --model MODEL --squad dev-v2.0.json --scifact DIR [--clapnq DIR]

MODEL is a directory that `ragstone models pull` made; the sets are SQuAD 2 in its official JSON, SciFact in the layout of BEIR
and the two files of CLAPNQ. The method and the figures are in `docs/decisions/0009-context-threshold.md`.
"""

import argparse
import asyncio
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tantivy
from numpy.typing import NDArray

from ragstone_plugins.context.threshold import too_far
from ragstone_plugins.extractive.calibration.data import QuestionSet, load_clapnq, load_squad
from ragstone_plugins.fusion.settings import WeightedSettings
from ragstone_plugins.fusion.weighted import WeightedFuser
from ragstone_plugins.onnx.model import OnnxModel
from ragstone_plugins.rules.words import words
from ragstone_plugins.structure.chunker import StructureChunker
from ragstone_plugins.structure.settings import StructureSettings
from ragstone_server.registry.lanes import ThreadLane
from ragstone_server.spi.chunker import ChunkRequest
from ragstone_server.spi.evidence import ScoredPassage, rendered
from ragstone_server.spi.fuser import DENSE, LEXICAL, FuseRequest
from ragstone_server.spi.parser import ParsedDocument
from ragstone_server.spi.positions import PassageKey
from ragstone_server.spi.views import Hit
from ragstone_server.testing.conformance.samples import CONTEXT, scored

CANDIDATES, TOP_K = 100, 10
MAX_LOST = 0.002
"""Share of the questions with evidence that may lose all of it."""
SHARES = (0.0, 0.5, 0.8, 1.0, 1.1)
"""Of the best lexical score; 0 saves whatever the lexical retriever found, 1.1 nothing."""
MIN_DENSE = tuple(round(0.1 + 0.02 * step, 2) for step in range(16))
Embed = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True)
class Collection:
    """Documents, as (title, text), and questions with the documents that answer them and the group that a split keeps whole."""

    name: str
    documents: list[tuple[str, str]]
    questions: list[tuple[str, frozenset[int], str]]


@dataclass(frozen=True)
class Found:
    """The evidence for one question, and which of it is of a document that answers it."""

    passages: tuple[ScoredPassage, ...]
    answers: tuple[bool, ...]
    group: str


def paragraphs(name: str, read: QuestionSet) -> Collection:
    return Collection(
        name,
        [(each.title, each.text) for each in read.paragraphs],
        [(case.question, frozenset({case.paragraph} if case.answers else ()), case.group) for case in read.cases],
    )


def scifact(directory: Path) -> Collection:
    records = [json.loads(line) for line in (directory / "corpus.jsonl").open(encoding="utf-8")]
    place = {str(record["_id"]): index for index, record in enumerate(records)}
    relevant: dict[str, set[int]] = {}
    for line in (directory / "qrels" / "test.tsv").read_text().splitlines()[1:]:
        query, document, grade = line.split("\t")
        if int(grade):
            relevant.setdefault(query, set()).add(place[document])
    queries = [json.loads(line) for line in (directory / "queries.jsonl").open(encoding="utf-8")]
    questions = [(q["text"], frozenset(relevant[i]), i) for q in queries if (i := str(q["_id"])) in relevant]
    return Collection("scifact", [(record["title"], record["text"]) for record in records], questions)


class Retriever:
    """Hybrid search over the chunks of a collection, as the server does it with everything at its default."""

    def __init__(self, collection: Collection, model: OnnxModel, embed: Embed) -> None:
        chunker = StructureChunker(StructureSettings(), ThreadLane(ThreadPoolExecutor(1), 1))
        self.owners: list[int] = []
        texts: list[str] = []
        for number, (title, text) in enumerate(collection.documents):
            parsed = ParsedDocument(text=text, title=title, language="en", mime_type="text/plain")
            request = ChunkRequest(
                document=parsed, tokenizer=model.tokenizer, max_tokens=model.tokenizer.max_tokens - 2
            )
            for chunk in chunker.cut(request):
                texts.append(rendered(title, chunk.headings, chunk.text))
                self.owners.append(number)
        self._vectors = embed(texts)
        schema = (
            tantivy.SchemaBuilder()
            .add_text_field("text", tokenizer_name="en_stem")
            .add_integer_field("id", stored=True)
        )
        self._index = tantivy.Index(schema.build())
        writer = self._index.writer(50_000_000, 1)
        for number, text in enumerate(texts):
            writer.add_document(tantivy.Document(text=text, id=number))
        writer.commit()
        self._index.reload()
        self._fuser = WeightedFuser(WeightedSettings())

    def search(self, question: str, vector: NDArray[np.float32]) -> tuple[ScoredPassage, ...]:
        near = self._vectors @ vector
        dense = tuple(Hit(key=PassageKey(int(i)), score=float(near[i])) for i in np.argsort(-near)[:CANDIDATES])
        request = FuseRequest(context=CONTEXT, hits={DENSE: dense, LEXICAL: self._lexical(question)})
        fused = asyncio.run(self._fuser(request))[:TOP_K]
        return tuple(scored(hit.key, "", score=hit.score, scores=hit.scores) for hit in fused)

    def _lexical(self, question: str) -> tuple[Hit, ...]:
        asked = " ".join(re.sub(r"\W", " ", word.text) for word in words(question) if word.has_meaning)
        if not asked.strip():
            return ()
        searcher = self._index.searcher()
        hits = searcher.search(self._index.parse_query(asked.lower(), ["text"]), CANDIDATES).hits
        return tuple(Hit(key=PassageKey(searcher.doc(place)["id"][0]), score=score) for score, place in hits)


def lost_and_spared(found: Sequence[Found], min_dense: float, share: float) -> tuple[float, float]:
    """Share of the questions that lose all their evidence, and of the other passages that are dropped."""
    lost = questions = dropped = others = 0
    for each in found:
        if any(each.answers):
            gone = too_far(each.passages, min_dense, share)
            questions += 1
            lost += all(index in gone for index, answers in enumerate(each.answers) if answers)
            others += sum(not answers for answers in each.answers)
            dropped += sum(not each.answers[index] for index in gone)
    return lost / questions, dropped / others


def emptied(found: Sequence[Found], min_dense: float, share: float) -> float:
    """Share of the questions of which nothing is left."""
    return sum(len(too_far(e.passages, min_dense, share)) == len(e.passages) for e in found) / len(found)


def halves(found: Sequence[Found]) -> Iterator[list[Found]]:
    """By group: one to choose, one to report."""
    for half in (0, 1):
        yield [each for each in found if zlib.crc32(each.group.encode()) % 2 == half]


def measure(collections: Sequence[Collection], model: OnnxModel, embed: Embed) -> None:
    retrievers = {each.name: Retriever(each, model, embed) for each in collections}
    asked = {each.name: embed([question for question, _, _ in each.questions]) for each in collections}
    found: dict[tuple[str, str], list[Found]] = {}
    for of in collections:
        for over in collections:
            step = 1 if of is over else max(1, len(of.questions) // 500)
            cases = list(zip(of.questions, asked[of.name], strict=True))[::step]
            retriever = retrievers[over.name]
            rows = [
                (retriever.search(question, vector), answers, group) for (question, answers, group), vector in cases
            ]
            found[of.name, over.name] = [
                Found(
                    passages, tuple(of is over and retriever.owners[p.passage.key] in answers for p in passages), group
                )
                for passages, answers, group in rows
            ]
    report(found)


def report(found: Mapping[tuple[str, str], list[Found]]) -> None:
    parts: dict[str, list[Found]] = {}
    for (of, over), rows in found.items():
        if of == over and of != "clapnq":
            parts[f"choose {of}"], parts[f"report {of}"] = halves(rows)
        elif of == over:
            parts[f"report {of}"] = rows
    for name, rows in parts.items():
        print(f"{name}: {sum(any(each.answers) for each in rows)} questions with evidence among the first {TOP_K}")
    for share in SHARES:
        chosen = max(
            (
                m
                for m in MIN_DENSE
                if all(lost_and_spared(r, m, share)[0] <= MAX_LOST for n, r in parts.items() if "choose" in n)
            ),
            default=None,
        )
        print(f"lexical_share {share}: the greatest min_dense is {chosen}")
        for min_dense in MIN_DENSE:
            costs = [(name, *lost_and_spared(rows, min_dense, share)) for name, rows in parts.items()]
            shown = "; ".join(f"{name} {100 * lost:.2f} {100 * spared:.0f}" for name, lost, spared in costs)
            foreign = [emptied(rows, min_dense, share) for (of, over), rows in found.items() if of != over]
            print(f"  {min_dense:.2f} lost % and others dropped %: {shown}")
            print(f"       foreign questions left with nothing %: {' '.join(f'{100 * each:.0f}' for each in foreign)}")
    own = [each for (of, over), rows in found.items() if of == over for each in rows]
    pairs = [pair for each in own for pair in zip(each.passages, each.answers, strict=True)]
    bare = [answers for passage, answers in pairs if DENSE not in passage.scores]
    print(f"passages of the own set without a cosine: {len(bare)}, of which {sum(bare)} answer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "squad", "scifact", "clapnq"):
        parser.add_argument(f"--{name}", type=Path, required=name != "clapnq")
    arguments = parser.parse_args()
    model = OnnxModel.open(arguments.model)

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        with ThreadPoolExecutor(2) as pool:
            return np.concatenate(list(pool.map(model.embed, (texts[i : i + 16] for i in range(0, len(texts), 16)))))

    collections = [paragraphs("squad", load_squad(arguments.squad)), scifact(arguments.scifact)]
    if arguments.clapnq:
        files = (arguments.clapnq / f"clapnq_dev_{half}.jsonl" for half in ("answerable", "unanswerable"))
        collections.append(paragraphs("clapnq", load_clapnq(*files)))
    measure(collections, model, embed)


if __name__ == "__main__":
    main()

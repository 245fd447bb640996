"""Views in memory, exact and simple: what the others are compared with. `flush` writes one file, as JSON."""

import asyncio
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.digests import attributes_digest, text_digest
from ragstone_server.spi.positions import NO_POSITION, DocumentKey, PassageKey, Position
from ragstone_server.spi.views import (
    ChangeBatch,
    DocumentChange,
    Hit,
    Hits,
    IndexedPassage,
    Inventory,
    LexicalQuery,
    VectorQuery,
    ViewSpec,
    vector_digest,
)
from ragstone_server.spi.visibility import Attributes, Visibility

_WORD = re.compile(r"\w+")
_K1, _B = 1.2, 0.75
_FILE = "view.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    document: DocumentChange
    passage: IndexedPassage


class _MemoryView:
    """What both views have in common."""

    def __init__(self, spec: ViewSpec) -> None:
        self._spec = spec
        self._documents: dict[DocumentKey, DocumentChange] = {}
        self.position = self.durable = NO_POSITION
        self.lost: DocumentKey | None = None
        self.damage = ""
        self._harmed = asyncio.Event()

    async def harmed(self) -> None:
        """Wait for `lose`."""
        await self._harmed.wait()
        self._harmed.clear()

    def lose(self, after: int, damage: str = "a test took it") -> None:
        """Lose the documents with greater keys, as by a damaged file."""
        self._documents = {key: change for key, change in self._documents.items() if key <= after}
        self.lost, self.damage = DocumentKey(after), damage
        self._harmed.set()

    async def repair(self, batch: ChangeBatch, after: DocumentKey, upto: DocumentKey | None, /) -> None:
        """Put the documents back."""
        self._documents |= {change.document: change for change in batch.changes if change.passages}
        if self.lost is not None and after <= self.lost:
            self.lost = upto

    async def apply(self, batch: ChangeBatch, /) -> None:
        """Replace the documents of the batch."""
        for change in batch.changes:
            self._documents.pop(change.document, None)
            if change.passages:
                self._documents[change.document] = change
        self.position = batch.position

    async def flush(self) -> None:
        """Write the file."""
        body = json.dumps([*self._identity(), self.position, [_encode(each) for each in self._documents.values()]])
        fresh = self._path.with_suffix(".tmp")
        fresh.write_text(f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}")
        fresh.replace(self._path)
        self.durable = self.position

    async def reset(self) -> None:
        """Forget everything."""
        self._documents.clear()
        self.lost = None
        self.position = self.durable = NO_POSITION
        self._path.unlink(missing_ok=True)

    async def count(self) -> int:
        """How many passages there are."""
        return sum(len(change.passages) for change in self._documents.values())

    async def inventory(self) -> Inventory:
        """Of this instant."""
        rows = self._stored()
        passages = [row.passage for row in rows]
        vectors = [each.vector for each in passages if each.vector is not None]
        return Inventory(
            position=self.position,
            passages=np.array([each.key for each in passages], dtype=np.int64),
            documents=np.array([row.document.document for row in rows], dtype=np.int64),
            vectors=vector_digest(np.stack(vectors)) if vectors else None,
            attributes=np.array([attributes_digest(row.document.attributes) for row in rows], dtype=np.uint32),
            texts=self._texts(rows),
        )

    def _texts(self, rows: list[_Stored]) -> NDArray[np.uint32] | None:
        """Digests of what is indexed, of a view that has texts."""

    async def check(self) -> tuple[str, ...]:
        """Compare the file with its checksum."""
        if not self._path.exists():
            return ()
        digest, _, body = self._path.read_text().partition("\n")
        return () if digest == hashlib.sha256(body.encode()).hexdigest() else (f"{self._path.name} is damaged",)

    def load(self) -> None:
        """Read the file; begin empty where it is missing, damaged or another view's."""
        self._spec.directory.mkdir(parents=True, exist_ok=True)
        try:
            digest, _, body = self._path.read_text().partition("\n")
            *identity, position, documents = json.loads(body)
        except (OSError, ValueError):
            return
        if digest == hashlib.sha256(body.encode()).hexdigest() and identity == self._identity():
            self._documents = {change.document: change for change in map(_decode, documents)}
            self.position = self.durable = Position(position)

    @property
    def _path(self) -> Path:
        return self._spec.directory / _FILE

    def _identity(self) -> list[str]:
        return [self._spec.epoch, self._spec.generation]

    def _stored(self) -> list[_Stored]:
        return [
            _Stored(document=change, passage=each) for change in self._documents.values() for each in change.passages
        ]

    def _best(
        self, visibility: Visibility, limit: int, rows: list[_Stored], score: Callable[[_Stored], float | None]
    ) -> Hits:
        scored = [(score(row), row) for row in rows if visibility.allows(row.document.attributes)]
        hits = [Hit(key=row.passage.key, score=value) for value, row in scored if value is not None]
        best = sorted(hits, key=lambda hit: -hit.score)[: max(limit, 0)]
        return Hits(hits=tuple(best), position=self.position)


class MemoryVectorView(_MemoryView):
    """Fits `spi.views.VectorView`."""

    async def search(self, request: VectorQuery, /) -> Hits:
        """Score every row."""

        def product(row: _Stored) -> float | None:
            vector = row.passage.vector
            return None if vector is None else float(np.dot(vector.astype(np.float32), request.vector))

        return self._best(request.visibility, request.limit, self._stored(), product)


class MemoryLexicalView(_MemoryView):
    """Fits `spi.views.LexicalView`."""

    def _texts(self, rows: list[_Stored]) -> NDArray[np.uint32]:
        """Of language and text."""
        return np.array([text_digest(row.document.language, row.passage.text) for row in rows], dtype=np.uint32)

    async def search(self, request: LexicalQuery, /) -> Hits:
        """BM25 with k1 = 1.2 and b = 0.75 (Robertson and Zaragoza 2009) over lower-cased words."""
        rows = self._stored()
        words = {id(row): Counter(_words(row.passage.text)) for row in rows}
        average = sum(count.total() for count in words.values()) / max(len(rows), 1)
        question = set(_words(request.text))
        frequency = Counter(word for count in words.values() for word in question & count.keys())

        def bm25(row: _Stored) -> float | None:
            count = words[id(row)]
            norm = _K1 * (1 - _B + _B * count.total() / max(average, 1))
            parts = [
                math.log(1 + (len(rows) - frequency[word] + 0.5) / (frequency[word] + 0.5))
                * count[word] * (_K1 + 1) / (count[word] + norm)
                for word in question & count.keys()
            ]  # fmt: skip
            return sum(parts) if parts else None

        return self._best(request.visibility, request.limit, rows, bm25)


class MemoryVectorIndex:
    """Fits `spi.vector_index.VectorIndex`."""

    fingerprint = "memory-vectors-1"

    @asynccontextmanager
    async def open_view(self, spec: ViewSpec, /) -> AsyncIterator[MemoryVectorView]:
        """Read the view's file."""
        view = MemoryVectorView(spec)
        view.load()
        yield view
        await view.flush()


class MemoryLexicalIndex:
    """Fits `spi.lexical_index.LexicalIndex`."""

    fingerprint = "memory-words-1"

    @asynccontextmanager
    async def open_view(self, spec: ViewSpec, /) -> AsyncIterator[MemoryLexicalView]:
        """Read the view's file."""
        view = MemoryLexicalView(spec)
        view.load()
        yield view
        await view.flush()


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _encode(change: DocumentChange) -> list[object]:
    passages = [
        [each.key, each.text, None if each.vector is None else each.vector.tolist()] for each in change.passages
    ]
    return [change.document, change.attributes.key, change.language, passages]


def _decode(stored: list[object]) -> DocumentChange:
    document, attributes, language, passages = stored
    assert isinstance(document, int)
    assert isinstance(passages, list)
    return DocumentChange(
        document=DocumentKey(document),
        attributes=Attributes.from_key(str(attributes)),
        language=None if language is None else str(language),
        passages=tuple(
            IndexedPassage(
                key=PassageKey(key), text=text, vector=None if vector is None else np.array(vector, dtype=np.float16)
            )
            for key, text, vector in passages
        ),
    )

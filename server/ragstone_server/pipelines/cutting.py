"""A text becomes the passages of one generation: cut, reuse vectors that are known, embed the others."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragstone_server.catalog.catalog import Catalog
from ragstone_server.indexing.together import together
from ragstone_server.spi.catalog_store import NewCut, NewPassage
from ragstone_server.spi.chunker import Chunk, ChunkRequest
from ragstone_server.spi.embedder import Embedder, EmbedRequest, Purpose
from ragstone_server.spi.evidence import rendered
from ragstone_server.spi.generation_stages import GenerationStages
from ragstone_server.spi.names import DocumentName
from ragstone_server.spi.parser import ParsedDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What came of a text."""

    new: NewCut
    embedded: int
    """Texts whose vectors were not known."""


class Cutter:
    """Does it, for any document and any generation."""

    def __init__(self, catalog: Catalog, embed_batch: int) -> None:
        """`embed_batch`: texts that the embedder is asked for at once."""
        self._catalog = catalog
        self._embed_batch = embed_batch

    async def __call__(
        self, name: DocumentName, title: str, parsed: ParsedDocument, content_hash: bytes, stages: GenerationStages
    ) -> Cut:
        """The passages with their vectors. Raises what the stages raise."""
        embedder = stages.embedder
        chunks = await stages.chunker(
            ChunkRequest(document=parsed, tokenizer=embedder.tokenizer, max_tokens=embedder.max_tokens)
        )
        texts = {_text_hash(text): text for text in (rendered(title, chunk.headings, chunk.text) for chunk in chunks)}
        known = await self._catalog.vectors(name.collection.tenant, embedder.fingerprint, texts)
        vectors = await self._embed(embedder, {key: text for key, text in texts.items() if key not in known})
        cut_by = stages.chunker.fingerprint
        new = NewCut(
            passages=tuple(_passage(name, title, content_hash, cut_by, i, chunk) for i, chunk in enumerate(chunks)),
            # Known ones too: the document that they came from may be deleted before this one is written.
            vectors={**known, **vectors},
            generation=stages.generation,
        )
        return Cut(new=new, embedded=len(vectors))

    async def _embed(self, embedder: Embedder, texts: Mapping[bytes, str]) -> dict[bytes, NDArray[np.float16]]:
        """Vectors by text hash. Texts of like length share a call, so that little of a batch is padding."""
        hashes = sorted(texts, key=lambda key: len(texts[key]))
        size = self._embed_batch
        groups = [hashes[i : i + size] for i in range(0, len(hashes), size)]
        rows = await together(*(_embed_group(embedder, [texts[key] for key in group]) for group in groups))
        return {
            key: vector.astype(np.float16)
            for group, matrix in zip(groups, rows, strict=True)
            for key, vector in zip(group, matrix, strict=True)
        }


async def _embed_group(embedder: Embedder, texts: Sequence[str]) -> NDArray[np.float32]:
    return await embedder(EmbedRequest(texts=tuple(texts), purpose=Purpose.PASSAGE))


def _passage(
    name: DocumentName, title: str, content_hash: bytes, chunker: str, ordinal: int, chunk: Chunk
) -> NewPassage:
    identity = hashlib.blake2b(f"{name}\0{ordinal}\0{chunker}\0".encode() + content_hash, digest_size=16)
    return NewPassage(
        passage_id=identity.hexdigest(),
        range=chunk.range,
        page=chunk.page,
        headings=chunk.headings,
        text_hash=_text_hash(rendered(title, chunk.headings, chunk.text)),
        tokens=chunk.tokens,
    )


def _text_hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()

"""The way of a document: version fence, parse, chunk, reuse or embed, one catalog transaction."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from ragstone_server.catalog.catalog import Catalog, UpsertCheck
from ragstone_server.catalog.writes import Write, WriteReceipt
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.indexing.together import together
from ragstone_server.pipelines.admission import Admission
from ragstone_server.pipelines.plain_text import MIME_TYPE, plain_document
from ragstone_server.pipelines.settings import IngestSettings
from ragstone_server.spi.catalog_store import (
    CollectionRecord,
    DocumentFields,
    Generation,
    NewContent,
    NewPassage,
    VersionScheme,
)
from ragstone_server.spi.chunker import Chunk, Chunker, ChunkRequest
from ragstone_server.spi.embedder import Embedder, EmbedRequest, Purpose
from ragstone_server.spi.errors import DocumentTooLarge, DocumentWithoutText
from ragstone_server.spi.evidence import rendered
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.host import Lane
from ragstone_server.spi.metadata import Metadata
from ragstone_server.spi.names import DocumentName
from ragstone_server.spi.parser import ParsedDocument, Parser, ParseRequest
from ragstone_server.spi.visibility import Attributes

ResultT = TypeVar("ResultT")
Parameters = ParamSpec("Parameters")

LARGE = 1024 * 1024
"""Characters or bytes from which on hashing and normalising leave the event loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One document as a producer sends it."""

    name: DocumentName
    content: bytes | str
    """The bytes of a file, or text."""
    version: int | None
    title: str
    """Empty: what the content says."""
    uri: str
    filename: str | None
    mime_type: str | None
    metadata: Metadata
    readers: frozenset[str] | None
    """None: the collection's default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestStages:
    """The stages that a document passes."""

    parser: Parser
    chunker: Chunker
    embedder: Embedder


@dataclass(frozen=True, slots=True)
class _Examined:
    """What is known of an upload before any work is spent on it."""

    upload: Upload
    data: bytes
    content_hash: bytes
    collection: CollectionRecord
    version: int | None
    check: UpsertCheck


class IngestDocument:
    """Stores a document so that it survives anything, and tells the views."""

    def __init__(
        self, catalog: Catalog, indexes: Indexes, stages: IngestStages, settings: IngestSettings, bulk: Lane
    ) -> None:
        self._catalog = catalog
        self._indexes = indexes
        self._stages = stages
        self._settings = settings
        self._bulk = bulk
        self._generation = Generation(embedder=stages.embedder.fingerprint, chunker=stages.chunker.fingerprint)
        self.admission = Admission(settings.max_documents_in_flight, settings.max_bytes_in_flight)

    async def __call__(self, upload: Upload) -> WriteReceipt:
        """Return when the document is on disk. Raises a `RequestError` that says what is wrong with it."""
        examined = await self._examine(upload, None)
        receipt = examined.check.receipt
        if receipt is None and (unchanged := self._unchanged(examined)) is not None:
            receipt = await self._catalog.commit(unchanged)
        if receipt is None:
            with self.admission.admitted(len(examined.data)):
                receipt = await self._catalog.commit(await self._work_out(examined))
        assert receipt is not None
        reach(FailPoint.INGEST_BEFORE_ACKNOWLEDGEMENT)
        self._indexes.nudge(examined.collection)
        return receipt

    async def prepare(self, upload: Upload, event_time: int | None) -> Write:
        """Do everything but the transaction. The caller bounds how much is prepared at once.

        `event_time`, in microseconds since 1970, is the version where none is sent and the collection orders by event time.
        """
        examined = await self._examine(upload, event_time)
        return self._unchanged(examined) or await self._work_out(examined)

    async def _examine(self, upload: Upload, event_time: int | None) -> "_Examined":
        data, content_hash = await self._aside(len(upload.content), self._read, upload)
        collection = await self._catalog.collection(upload.name.collection)
        self._catalog.check_generation(collection, self._generation)
        version = version_in(collection, upload.version, event_time)
        check = await self._catalog.check_upsert(
            collection, upload.name.document, version, _fields(upload, None), content_hash
        )
        return _Examined(upload, data, content_hash, collection, version, check)

    def _unchanged(self, examined: "_Examined") -> Write | None:
        """Where the content is stored already, the write of what is said of it."""
        fields = examined.check.kept
        if fields is None:
            return None
        document = examined.upload.name.document
        return self._catalog.writes.move(examined.collection, document, examined.version, fields, examined.content_hash)

    async def _work_out(self, examined: "_Examined") -> Write:
        upload = examined.upload
        reach(FailPoint.INGEST_BEFORE_WORK, upload.name.document)
        parsed = await self._parse(upload, examined.data)
        fields = _fields(upload, parsed)
        content = await self._content(upload.name, fields.title, parsed, examined.content_hash, len(examined.data))
        return self._catalog.writes.upsert(
            examined.collection, upload.name.document, examined.version, fields, content, self._generation
        )

    async def _aside(
        self, size: int, function: Callable[Parameters, ResultT], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> ResultT:
        """What takes long for a large document does not keep the others waiting."""
        return await self._bulk.run(function, *args, **kwargs) if size > LARGE else function(*args, **kwargs)

    def _read(self, upload: Upload) -> tuple[bytes, bytes]:
        """The content as bytes, and its hash. Raises `DocumentTooLarge`, `DocumentWithoutText`."""
        data = upload.content.encode() if isinstance(upload.content, str) else upload.content
        limit = self._settings.max_document_bytes
        if len(data) > limit:
            raise DocumentTooLarge(
                f"the document has {len(data)} bytes, and the limit is {limit}", metadata={"limit_bytes": str(limit)}
            )
        if not data or data.isspace():
            raise DocumentWithoutText("the document is empty")
        return data, self._content_hash(upload, data)

    def _content_hash(self, upload: Upload, data: bytes) -> bytes:
        """Of everything that decides over text, passages and vectors, so that equal hashes need no work."""
        digest = hashlib.sha256()
        kind = "text" if isinstance(upload.content, str) else "bytes"
        hints = (kind, upload.title, upload.filename or "", upload.mime_type or "", self._generation.fingerprint)
        for part in (*(hint.encode() for hint in hints), data):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        return digest.digest()

    async def _parse(self, upload: Upload, data: bytes) -> ParsedDocument:
        if isinstance(upload.content, str) and upload.mime_type in (None, MIME_TYPE):
            return await self._aside(len(data), plain_document, upload.content)
        return await self._stages.parser(
            ParseRequest(content=data, filename=upload.filename, mime_type=upload.mime_type)
        )

    async def _content(
        self, name: DocumentName, title: str, parsed: ParsedDocument, content_hash: bytes, size: int
    ) -> NewContent:
        embedder = self._stages.embedder
        chunks = await self._stages.chunker(
            ChunkRequest(document=parsed, tokenizer=embedder.tokenizer, max_tokens=embedder.max_tokens)
        )
        texts = {_text_hash(text): text for text in (rendered(title, chunk.headings, chunk.text) for chunk in chunks)}
        known = await self._catalog.vectors(name.collection.tenant, embedder.fingerprint, texts)
        vectors = await self._embed({key: text for key, text in texts.items() if key not in known})
        return NewContent(
            content_hash=content_hash,
            size_bytes=size,
            text=parsed.text,
            passages=tuple(_passage(name, title, content_hash, i, chunk) for i, chunk in enumerate(chunks)),
            # Known ones too: the document that they came from may be deleted before this one is written.
            vectors={**known, **vectors},
            embedder=embedder.fingerprint,
        )

    async def _embed(self, texts: Mapping[bytes, str]) -> dict[bytes, NDArray[np.float16]]:
        """Vectors by text hash. Texts of like length share a call, so that little of a batch is padding."""
        hashes = sorted(texts, key=lambda key: len(texts[key]))
        size = self._settings.embed_batch
        groups = [hashes[i : i + size] for i in range(0, len(hashes), size)]
        rows = await together(*(self._embed_group([texts[key] for key in group]) for group in groups))
        return {
            key: vector.astype(np.float16)
            for group, matrix in zip(groups, rows, strict=True)
            for key, vector in zip(group, matrix, strict=True)
        }

    async def _embed_group(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return await self._stages.embedder(EmbedRequest(texts=tuple(texts), purpose=Purpose.PASSAGE))


def version_in(collection: CollectionRecord, version: int | None, event_time: int | None) -> int | None:
    """The version of a write by the collection's scheme."""
    by_time = collection.settings.version_scheme is VersionScheme.EVENT_TIME
    return event_time if version is None and by_time else version


def _fields(upload: Upload, parsed: ParsedDocument | None) -> DocumentFields:
    title = upload.title
    if parsed is not None:
        first_heading = parsed.headings[0].text if parsed.headings else ""
        name = PurePosixPath(upload.filename or upload.name.document).stem
        title = title or parsed.title or first_heading or name
    return DocumentFields(
        title=title,
        uri=upload.uri,
        mime_type=parsed.mime_type if parsed else "",
        language=parsed.language if parsed else None,
        attributes=Attributes(metadata=upload.metadata, readers=upload.readers),
    )


def _passage(name: DocumentName, title: str, content_hash: bytes, ordinal: int, chunk: Chunk) -> NewPassage:
    identity = hashlib.blake2b(f"{name}\0{ordinal}\0".encode() + content_hash, digest_size=16)
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

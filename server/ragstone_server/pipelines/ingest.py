"""The way of a document: version fence, parse, chunk, reuse or embed, one catalog transaction."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ParamSpec, TypeVar

from ragstone_server.catalog.catalog import Catalog, UpsertCheck
from ragstone_server.catalog.writes import Write, WriteReceipt
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.pipelines.admission import Admission
from ragstone_server.pipelines.cutting import Cutter
from ragstone_server.pipelines.outlines import outline_of
from ragstone_server.pipelines.plain_text import MIME_TYPE, plain_document
from ragstone_server.pipelines.settings import IngestSettings
from ragstone_server.spi.catalog_store import (
    CollectionRecord,
    DocumentFields,
    GenerationNumber,
    NewContent,
    VersionScheme,
)
from ragstone_server.spi.errors import DocumentTooLarge, DocumentWithoutText
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.generation_stages import GenerationOpener, GenerationStages
from ragstone_server.spi.generations import FIRST
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
    generations: GenerationOpener


@dataclass(frozen=True, slots=True)
class _Examined:
    """What is known of an upload before any work is spent on it."""

    upload: Upload
    data: bytes
    content_hash: bytes
    collection: CollectionRecord
    stages: Mapping[GenerationNumber, GenerationStages]
    """Of the generations that it is written to."""
    version: int | None
    check: UpsertCheck


class IngestDocument:
    """Stores a document so that it survives anything, and tells the views."""

    def __init__(
        self,
        catalog: Catalog,
        indexes: Indexes,
        stages: IngestStages,
        cut: Cutter,
        settings: IngestSettings,
        bulk: Lane,
    ) -> None:
        self._catalog = catalog
        self._indexes = indexes
        self._stages = stages
        self._settings = settings
        self._bulk = bulk
        self._cut = cut
        self.admission = Admission(settings.max_documents_in_flight, settings.max_bytes_in_flight)

    async def __call__(self, upload: Upload) -> WriteReceipt:
        """Return when the document is on disk. Raises a `RequestError` that says what is wrong with it."""
        examined = await self._examine(upload, None)
        receipt = examined.check.receipt
        if receipt is None and (unchanged := self._unchanged(examined)) is not None:
            receipt = await self._catalog.commit(unchanged)
        while receipt is None:
            with self.admission.admitted(len(examined.data)):
                receipt = await self._catalog.commit(await self._work_out(examined))
            if receipt is None:  # Its collection has another generation by now.
                examined = await self._examine(upload, None)
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
        stages = await self._stages_of(collection)
        version = version_in(collection, upload.version, event_time)
        check = await self._catalog.check_upsert(
            collection, upload.name.document, version, _fields(upload, None), content_hash
        )
        return _Examined(upload, data, content_hash, collection, stages, version, check)

    async def _stages_of(self, collection: CollectionRecord) -> dict[GenerationNumber, GenerationStages]:
        """Of all its generations, the live one first; raises `GenerationMismatch`. Of one without, those of its first."""
        opener = self._stages.generations
        ordered = sorted(collection.generations, key=lambda each: each is not collection.live)
        return {each.number: await opener.of(each) for each in ordered} or {FIRST: opener.configured}

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
        content = NewContent(
            content_hash=examined.content_hash,
            size_bytes=len(examined.data),
            text=parsed.text,
            outline=outline_of(parsed),
            cuts={
                number: (await self._cut(upload.name, fields.title, parsed, examined.content_hash, stages)).new
                for number, stages in examined.stages.items()
            },
        )
        recipe = self._stages.generations.recipe
        return self._catalog.writes.upsert(
            examined.collection, upload.name.document, examined.version, fields, content, recipe
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
        """Of everything that decides over the text, so that equal hashes need no work."""
        digest = hashlib.sha256()
        kind = "text" if isinstance(upload.content, str) else "bytes"
        hints = (kind, upload.title, upload.filename or "", upload.mime_type or "")
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

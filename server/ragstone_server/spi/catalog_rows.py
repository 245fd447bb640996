"""For catalog stores over SQL: from rows, whose columns have the names of the fields, to values, and back."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.catalog_store import (
    CollectionHead,
    CollectionRecord,
    CollectionSettings,
    DefaultReaders,
    DocumentFields,
    DocumentRecord,
    Generation,
    GenerationNumber,
    GenerationRecord,
    GenerationState,
    StoredPassage,
    StoredVersion,
    UncutContent,
    VersionScheme,
)
from ragstone_server.spi.evidence import Passage
from ragstone_server.spi.generations import Recipe, StageChoice
from ragstone_server.spi.names import CollectionName, DocumentId
from ragstone_server.spi.operations import NewOperation, Operation, OperationFailure, OperationId, OperationState
from ragstone_server.spi.positions import CollectionKey, ContentKey, DocumentKey, PassageKey, Position
from ragstone_server.spi.prompts import ActivationKind, PromptActivation, PromptDraft, PromptTemplate, PromptVersion
from ragstone_server.spi.questions import RecordedQuestion
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.sources import DeadLetter, DeadLetterId, DeadLetterSummary, NewDeadLetter, SourceName
from ragstone_server.spi.visibility import Attributes

_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FLOAT16 = np.dtype("<f2")  # the rows may move to a machine of the other byte order


class Row(Protocol):
    """A row by the names of its columns."""

    def __getitem__(self, column: str, /) -> Any:
        """The value of a column."""
        ...


def name_hash(key: bytes, collection: CollectionKey, document: DocumentId) -> bytes:
    """16 bytes for a fence, that tell nothing without the catalog's key, and differ between collections."""
    return hashlib.blake2b(f"{collection}/{document}".encode(), key=key, digest_size=16).digest()


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _BEGIN) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Inverse of `to_micros`."""
    return _BEGIN + micros * _MICROSECOND


def to_blob(vector: NDArray[np.float16]) -> bytes:
    """Two bytes a dimension."""
    return vector.astype(_FLOAT16, copy=False).tobytes()


def from_blob(data: bytes) -> NDArray[np.float16]:
    """Inverse of `to_blob`; read-only."""
    return np.frombuffer(data, dtype=_FLOAT16)


def to_headings(headings: tuple[str, ...]) -> str:
    """A heading path as JSON; most have none, and that is the empty text."""
    return json.dumps(headings, ensure_ascii=False) if headings else ""


def from_headings(text: str) -> tuple[str, ...]:
    """Inverse of `to_headings`."""
    return tuple(json.loads(text)) if text else ()


def collection_record(row: Row) -> CollectionRecord:
    """A row of `collection`."""
    return CollectionRecord(
        key=CollectionKey(row["key"]),
        name=CollectionName.parse(row["name"]),
        settings=CollectionSettings(
            description=row["description"],
            default_readers=DefaultReaders(row["default_readers"]),
            version_scheme=VersionScheme(row["version_scheme"]),
        ),
        generations=tuple(map(_generation, json.loads(row["generations"]))),
        created=from_micros(row["created"]),
        updated=from_micros(row["updated"]),
        head=Position(row["head"]),
        trimmed=Position(row["trimmed"]),
    )


def to_generations(generations: Iterable[GenerationRecord]) -> str:
    """As a JSON array of objects."""
    return json.dumps(
        [
            {
                "number": each.number,
                "embedder": each.generation.embedder,
                "chunker": each.generation.chunker,
                "recipe": None if each.recipe is None else asdict(each.recipe),
                "state": each.state,
                "created": to_micros(each.created),
                "activated": None if each.activated is None else to_micros(each.activated),
            }
            for each in generations
        ]
    )


def _generation(stored: Mapping[str, Any]) -> GenerationRecord:
    recipe, activated = stored["recipe"], stored["activated"]
    return GenerationRecord(
        number=GenerationNumber(stored["number"]),
        generation=Generation(embedder=stored["embedder"], chunker=stored["chunker"]),
        recipe=None if recipe is None else Recipe(**{kind: StageChoice(**choice) for kind, choice in recipe.items()}),
        state=GenerationState(stored["state"]),
        created=from_micros(stored["created"]),
        activated=None if activated is None else from_micros(activated),
    )


def collection_head(row: Row) -> CollectionHead:
    """Of a row of `collection`."""
    return CollectionHead(
        key=CollectionKey(row["key"]), name=CollectionName.parse(row["name"]), head=Position(row["head"])
    )


def document_fields(row: Row) -> DocumentFields:
    """Of a row of `document` with the title of its present content."""
    return DocumentFields(
        title=row["title"],
        uri=row["uri"],
        mime_type=row["mime_type"],
        language=row["language"],
        attributes=Attributes.from_key(row["attributes"]),
    )


def document_record(row: Row) -> DocumentRecord:
    """A row of `document` joined with its present `content`, and the number of its `passages`."""
    return DocumentRecord(
        key=DocumentKey(row["key"]),
        document=DocumentId(row["id"]),
        version=row["version"],
        fields=document_fields(row),
        size_bytes=row["size_bytes"],
        passages=row["passages"],
        position=Position(row["position"]),
        created=from_micros(row["created"]),
        updated=from_micros(row["updated"]),
    )


def stored_passage(row: Row, span: ByteRange, text: str, attributes: Attributes) -> StoredPassage:
    """A row of `passage` joined with its content and document, with the range and the text that it stands for."""
    superseded = row["superseded"]
    return StoredPassage(
        passage=Passage(
            key=PassageKey(row["key"]),
            passage_id=row["id"],
            document=DocumentId(row["name"]),
            document_key=DocumentKey(row["document"]),
            content_key=ContentKey(row["content"]),
            generation=GenerationNumber(row["generation"]),
            ordinal=row["ordinal"],
            version=row["version"],
            title=row["title"],
            uri=row["uri"],
            page=row["page"],
            headings=from_headings(row["headings"]),
            range=span,
            text=text,
            metadata=attributes.metadata,
        ),
        attributes=attributes,
        superseded=None if superseded is None else Position(superseded),
        text_hash=row["text_hash"],
    )


def stored_version(row: Row) -> StoredVersion:
    """A row of `document` joined with its present content, and the number of its `passages`."""
    return StoredVersion(
        version=row["version"],
        deleted=False,
        content_hash=row["content_hash"],
        document_key=DocumentKey(row["key"]),
        fields=document_fields(row),
        passages=row["passages"],
    )


def fence_version(version: int) -> StoredVersion:
    """What a fence says."""
    return StoredVersion(version=version, deleted=True, content_hash=b"", document_key=None)


def prompt_template(row: Row) -> PromptTemplate:
    """A row of `prompt`."""
    return PromptTemplate(
        version=PromptVersion(row["version"]),
        draft=PromptDraft(system=row["system"], user=row["user"], description=row["description"]),
        author=row["author"],
        created=from_micros(row["created"]),
    )


def prompt_activation(row: Row) -> PromptActivation:
    """A row of `prompt_activation`."""
    return PromptActivation(
        number=row["number"],
        version=PromptVersion(row["version"]),
        kind=ActivationKind(row["kind"]),
        author=row["author"],
        at=from_micros(row["at"]),
    )


def to_headers(headers: tuple[tuple[str, bytes], ...]) -> str:
    """Headers of an event as JSON."""
    return json.dumps([[name, base64.b64encode(value).decode()] for name, value in headers])


def from_headers(text: str) -> tuple[tuple[str, bytes], ...]:
    """Inverse of `to_headers`."""
    return tuple((name, base64.b64decode(value)) for name, value in json.loads(text))


def dead_letter(row: Row) -> DeadLetter:
    """A row of `dead_letter`."""
    return DeadLetter(
        id=DeadLetterId(row["id"]),
        letter=NewDeadLetter(
            source=SourceName(row["source"]),
            offset=row["at"],
            key=row["key"],
            value=row["value"],
            headers=from_headers(row["headers"]),
            bound=row["bound"],
            event_time=from_micros(row["event_time"]),
            reason=row["reason"],
            message=row["message"],
            failed=from_micros(row["failed"]),
        ),
        published=bool(row["published"]),
    )


def dead_letter_summary(row: Row) -> DeadLetterSummary:
    """A row of `dead_letter` without the event, with the `size` of its value."""
    return DeadLetterSummary(
        id=DeadLetterId(row["id"]),
        source=SourceName(row["source"]),
        offset=row["at"],
        bound=row["bound"],
        event_time=from_micros(row["event_time"]),
        reason=row["reason"],
        message=row["message"],
        failed=from_micros(row["failed"]),
        published=bool(row["published"]),
        size=row["size"],
    )


def recorded_question(row: Row) -> RecordedQuestion:
    """A row of `question`."""
    return RecordedQuestion(text=row["text"], asked=from_micros(row["asked"]), times=row["times"])


def operation(row: Row) -> Operation:
    """A row of `operation`."""
    failed = row["reason"] is not None
    return Operation(
        id=OperationId(row["id"]),
        new=NewOperation(
            kind=row["kind"], parameters=row["parameters"], collection=row["collection"], runs_on=row["runs_on"]
        ),
        state=OperationState(row["state"]),
        progress=row["progress"],
        result=row["result"],
        failure=OperationFailure(reason=row["reason"], message=row["message"]) if failed else None,
        cancel_requested=bool(row["cancel_requested"]),
        created=from_micros(row["created"]),
        updated=from_micros(row["updated"]),
        runner=row["runner"],
        epoch=row["epoch"],
        beats=row["beats"],
    )


def uncut_content(row: Row, text: str) -> UncutContent:
    """A row of `document` joined with its present content, with the `pages` of its passages, a JSON array of pairs."""
    return UncutContent(
        document_key=DocumentKey(row["key"]),
        document=DocumentId(row["id"]),
        content_key=ContentKey(row["content"]),
        content_hash=row["content_hash"],
        title=row["title"],
        text=text,
        outline=row["outline"],
        pages=() if row["outline"] else tuple((page, start) for page, start in json.loads(row["pages"])),
    )

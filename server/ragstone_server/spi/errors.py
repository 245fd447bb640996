"""One error root. The class docstring is the default message; the cause is kept with `raise ... from`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from ragstone_server.spi.reasons import Reason


class RagstoneError(Exception):
    """Something in Ragstone failed."""

    def __init__(self, message: str | None = None) -> None:
        """Take `message`, or the first line of the class docstring where there is none."""
        super().__init__(message or (type(self).__doc__ or type(self).__name__).strip().splitlines()[0])

    @property
    def message(self) -> str:
        """What to tell a person, one sentence or two, and what to do about it."""
        return str(self.args[0])


class StartError(RagstoneError):
    """The server refuses to start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldViolation:
    """One field of a request that is not acceptable."""

    field: str
    """Path of the field in the request, as in `turns[1].text`."""
    description: str
    """What is wrong with it, and what is right."""


class RequestError(RagstoneError):
    """The request failed."""

    reason: ClassVar[Reason] = Reason.INTERNAL

    def __init__(
        self,
        message: str | None = None,
        *,
        metadata: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
        violations: tuple[FieldViolation, ...] = (),
    ) -> None:
        """Keep what travels to the caller beside the message; `metadata` keys are documented with the reason."""
        super().__init__(message)
        self.metadata: Mapping[str, str] = dict(metadata or {})
        self.retry_after_s = retry_after_s
        self.violations = violations


class InvalidRequest(RequestError):
    """The request breaks a rule of the contract."""

    reason = Reason.INVALID_REQUEST

    @classmethod
    def of_field(cls, field: str, what: str) -> Self:
        """For one field; `what` says what is wrong with it, and what is right."""
        return cls(f"{field}: {what}", violations=(FieldViolation(field=field, description=what),))


class InvalidName(RequestError):
    """A resource name is malformed."""

    reason = Reason.INVALID_NAME


class InvalidFilter(RequestError):
    """The filter does not parse."""

    reason = Reason.INVALID_FILTER


class InvalidWatermark(RequestError):
    """The watermark was not given by this catalog."""

    reason = Reason.INVALID_WATERMARK


class UnknownStageOption(RequestError):
    """A stage option is unknown or has a wrong value."""

    reason = Reason.UNKNOWN_STAGE_OPTION


class CollectionNotFound(RequestError):
    """The collection does not exist."""

    reason = Reason.COLLECTION_NOT_FOUND


class CollectionAlreadyExists(RequestError):
    """A collection of this name exists already."""

    reason = Reason.COLLECTION_ALREADY_EXISTS


class CollectionNotEmpty(RequestError):
    """The collection still holds documents; delete them first, or delete it with force."""

    reason = Reason.COLLECTION_NOT_EMPTY


class DocumentNotFound(RequestError):
    """The document does not exist."""

    reason = Reason.DOCUMENT_NOT_FOUND


class VersionStale(RequestError):
    """A newer or equal version of the document is stored already."""

    reason = Reason.VERSION_STALE


class VersionSchemeMismatch(RequestError):
    """The version does not fit the version scheme of the collection."""

    reason = Reason.VERSION_SCHEME_MISMATCH


class GenerationMismatch(RequestError):
    """The generation was made by another embedder or chunker than the ones that can be opened for it."""

    reason = Reason.GENERATION_MISMATCH


class GenerationNotFound(RequestError):
    """The collection has no such generation."""

    reason = Reason.GENERATION_NOT_FOUND


class GenerationNotReady(RequestError):
    """The generation is not in a state for this."""

    reason = Reason.GENERATION_NOT_READY


class DocumentTooLarge(RequestError):
    """The document is larger than the limit."""

    reason = Reason.DOCUMENT_TOO_LARGE


class DocumentUnsupported(RequestError):
    """The format of the document is not supported."""

    reason = Reason.DOCUMENT_UNSUPPORTED


class DocumentBroken(RequestError):
    """The document is damaged and cannot be read."""

    reason = Reason.DOCUMENT_BROKEN


class DocumentEncrypted(RequestError):
    """The document is protected by a password."""

    reason = Reason.DOCUMENT_ENCRYPTED


class DocumentWithoutText(RequestError):
    """The document holds no text."""

    reason = Reason.DOCUMENT_WITHOUT_TEXT


class DocumentParseTimeout(RequestError):
    """Reading the document took longer than allowed."""

    reason = Reason.DOCUMENT_PARSE_TIMEOUT


class DocumentParseCrash(RequestError):
    """The worker process that read the document died or ran out of memory."""

    reason = Reason.DOCUMENT_PARSE_CRASH


class UploadIncomplete(RequestError):
    """The parts of the document do not add up to what its header announced."""

    reason = Reason.UPLOAD_INCOMPLETE


class InvalidEvent(RequestError):
    """The record of a topic is no event of a document."""

    reason = Reason.INVALID_EVENT


class PromptNotFound(RequestError):
    """The version of the prompt template does not exist."""

    reason = Reason.PROMPT_NOT_FOUND


class PromptInvalid(RequestError):
    """The prompt template cannot be used."""

    reason = Reason.PROMPT_INVALID


class DeadLetterNotFound(RequestError):
    """The dead letter does not exist; it was replayed or discarded."""

    reason = Reason.DEAD_LETTER_NOT_FOUND


class OperationNotFound(RequestError):
    """The operation does not exist; it was deleted, or ended long ago."""

    reason = Reason.OPERATION_NOT_FOUND


class OperationRunning(RequestError):
    """The operation has not ended."""

    reason = Reason.OPERATION_RUNNING


class OperationCancelled(RequestError):
    """The operation was cancelled; what it had done until then stays done."""

    reason = Reason.OPERATION_CANCELLED


class SnapshotNotFound(RequestError):
    """The snapshot does not exist."""

    reason = Reason.SNAPSHOT_NOT_FOUND


class SnapshotAlreadyExists(RequestError):
    """A snapshot of this name exists already."""

    reason = Reason.SNAPSHOT_ALREADY_EXISTS


class SnapshotDamaged(RequestError):
    """A file of the snapshot is missing or damaged; nothing was replaced."""

    reason = Reason.SNAPSHOT_DAMAGED


class SnapshotIncompatible(RequestError):
    """The snapshot was written by a newer Ragstone; nothing was replaced."""

    reason = Reason.SNAPSHOT_INCOMPATIBLE


class SnapshotNoSpace(RequestError):
    """The disk has no room for a copy of the catalog; free some space and try again."""

    reason = Reason.SNAPSHOT_NO_SPACE


class SnapshotsUnsupported(RequestError):
    """The catalog is a database with backups of its own; use those."""

    reason = Reason.SNAPSHOTS_UNSUPPORTED


class Overloaded(RequestError):
    """The server is at its limit; try again later."""

    reason = Reason.OVERLOADED


class StorageFull(RequestError):
    """No space is left where the server keeps its data; reads still work, free some space and try again."""

    reason = Reason.STORAGE_FULL


class CatalogUnavailable(RequestError):
    """The catalog's database cannot be reached; try again later."""

    reason = Reason.CATALOG_UNAVAILABLE


class DeadlineExceeded(RequestError):
    """The deadline of the request passed."""

    reason = Reason.DEADLINE_EXCEEDED


class StageFailed(RequestError):
    """A stage failed and its policy has nothing to replace it."""

    reason = Reason.STAGE_FAILED


class ShuttingDown(RequestError):
    """The server is shutting down; try another one or try again."""

    reason = Reason.SHUTTING_DOWN


class InternalError(RequestError):
    """The server failed; its log has the details under the request id."""

    reason = Reason.INTERNAL

"""What the records of a topic say of a document."""

from dataclasses import dataclass, replace
from typing import TypeAlias

from ragstone_server.pipelines.ingest import Upload
from ragstone_server.spi.names import DocumentName


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsertEvent:
    """The document is new or has changed."""

    upload: Upload
    """Its version is the number in the event; None where it has none."""
    record_time_micros: int | None
    """Time of the record since 1970; None where it has none."""

    @property
    def name(self) -> DocumentName:
        """Of which document."""
        return self.upload.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceEvent:
    """The document is new or has changed, and its content is to be fetched."""

    reference: str
    """URI of the content; whether its scheme is allowed is not looked at yet."""
    without_content: Upload
    """All else of the document, with the version as of `UpsertEvent`."""
    record_time_micros: int | None
    """As of `UpsertEvent`."""

    @property
    def name(self) -> DocumentName:
        """Of which document."""
        return self.without_content.name

    def with_content(self, content: bytes) -> UpsertEvent:
        """The event with what was fetched."""
        return UpsertEvent(
            upload=replace(self.without_content, content=content), record_time_micros=self.record_time_micros
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteEvent:
    """The document is gone."""

    name: DocumentName
    version: int | None
    """The number in the event; None where it has none."""
    record_time_micros: int | None
    """As of `UpsertEvent`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TombstoneEvent:
    """The document is gone, by a record without a value: the stored version stays, the offset gives the order."""

    name: DocumentName


DocumentChange: TypeAlias = UpsertEvent | ReferenceEvent | DeleteEvent | TombstoneEvent

"""Documents and collections, both ways."""

from ragstone.v1 import admin_service_pb2, document_pb2, ingest_service_pb2
from ragstone_server.catalog.watermark import Watermark
from ragstone_server.catalog.writes import WriteOutcome
from ragstone_server.pipelines.ingest import Upload
from ragstone_server.spi.catalog_store import (
    CollectionRecord,
    CollectionSettings,
    DefaultReaders,
    DocumentRecord,
    VersionScheme,
)
from ragstone_server.spi.names import CollectionName, DocumentName
from ragstone_server.transport.convert.metadata import metadata_from, metadata_to, readers_from, readers_to, timestamp

OUTCOMES = {
    WriteOutcome.STORED: ingest_service_pb2.WRITE_OUTCOME_STORED,
    WriteOutcome.UNCHANGED: ingest_service_pb2.WRITE_OUTCOME_UNCHANGED,
    WriteOutcome.DELETED: ingest_service_pb2.WRITE_OUTCOME_DELETED,
}
_READERS = {
    admin_service_pb2.DEFAULT_READERS_UNSPECIFIED: DefaultReaders.TENANT,
    admin_service_pb2.DEFAULT_READERS_TENANT: DefaultReaders.TENANT,
    admin_service_pb2.DEFAULT_READERS_NOBODY: DefaultReaders.NOBODY,
}
_SCHEMES = {
    admin_service_pb2.VERSION_SCHEME_UNSPECIFIED: VersionScheme.NUMBER,
    admin_service_pb2.VERSION_SCHEME_NUMBER: VersionScheme.NUMBER,
    admin_service_pb2.VERSION_SCHEME_EVENT_TIME: VersionScheme.EVENT_TIME,
}
_READERS_TO = {value: key for key, value in _READERS.items()}
_SCHEMES_TO = {value: key for key, value in _SCHEMES.items()}


def upload_from(
    name: DocumentName, version: int | None, fields: document_pb2.DocumentFields, content: bytes | str
) -> Upload:
    """One document as a producer sent it. Raises `InvalidRequest`."""
    return Upload(
        name=name,
        content=content,
        version=version,
        title=fields.title,
        uri=fields.uri,
        filename=fields.filename or None,
        mime_type=fields.mime_type or None,
        metadata=metadata_from(fields.metadata),
        readers=readers_from(fields),
    )


def document_to(collection: CollectionName, record: DocumentRecord) -> document_pb2.Document:
    """One document as the catalog holds it."""
    return document_pb2.Document(
        name=str(DocumentName(collection=collection, document=record.document)),
        document=record.document,
        version=record.version,
        title=record.fields.title,
        uri=record.fields.uri,
        mime_type=record.fields.mime_type,
        language=record.fields.language or "",
        metadata=metadata_to(record.fields.attributes.metadata),
        readers=readers_to(record.fields.attributes.readers),
        size_bytes=record.size_bytes,
        passage_count=record.passages,
        create_time=timestamp(record.created),
        update_time=timestamp(record.updated),
    )


def settings_from(wire: admin_service_pb2.Collection) -> CollectionSettings:
    """What a caller chose of a collection."""
    return CollectionSettings(
        description=wire.description,
        default_readers=_READERS[wire.default_readers],
        version_scheme=_SCHEMES[wire.version_scheme],
    )


def collection_to(record: CollectionRecord, documents: int, watermark: Watermark) -> admin_service_pb2.Collection:
    """One collection as the catalog holds it."""
    generation = None
    if record.live is not None:
        made_by = record.live.generation
        generation = admin_service_pb2.Generation(embedder=made_by.embedder, chunker=made_by.chunker)
    return admin_service_pb2.Collection(
        name=str(record.name),
        description=record.settings.description,
        default_readers=_READERS_TO[record.settings.default_readers],
        version_scheme=_SCHEMES_TO[record.settings.version_scheme],
        create_time=timestamp(record.created),
        update_time=timestamp(record.updated),
        document_count=documents,
        watermark=str(watermark),
        generation=generation,
    )

"""Events, built of plain values and checked."""

from collections.abc import Sequence

from ragstone.events.rules import MOST_VERSION, refused, validate
from ragstone.events.values import plain_text, to_values
from ragstone.metadata import Metadata
from ragstone.v1.document_event_pb2 import DocumentEvent, EventDelete, EventUpsert
from ragstone.v1.document_pb2 import Readers


def upsert(
    collection: str,
    document: str,
    *,
    text: str | None = None,
    content: bytes | None = None,
    reference: str | None = None,
    version: int | None = None,
    title: str | None = None,
    uri: str | None = None,
    filename: str | None = None,
    mime_type: str | None = None,
    metadata: Metadata | None = None,
    readers: Sequence[str] | None = None,
    tenant: str = "",
) -> DocumentEvent:
    """The document as it is now: `text`, the bytes of a file as `content`, or the URI of it as `reference`.

    An empty collection is the one that the topic is bound to. Without readers the collection's default reads it, and with an
    empty list nobody. Raises `InvalidArgument` for what the server would refuse.

    >>> upsert("hr", "doc-1", text="Hello.", metadata={"year": 2025}).upsert.metadata["year"].number_value
    2025.0
    >>> upsert("hr", "doc-1")
    Traceback (most recent call last):
    ragstone.errors.InvalidArgument: upsert.content: there is none; give text, content or reference, one of them
    """
    given = [name for name, one in (("text", text), ("content", content), ("reference", reference)) if one is not None]
    if len(given) > 1:
        raise refused({"upsert.content": f"there are {' and '.join(given)}; give one of them"})
    fields = EventUpsert(
        title=plain_text("upsert.title", title),
        uri=plain_text("upsert.uri", uri),
        filename=plain_text("upsert.filename", filename),
        mime_type=plain_text("upsert.mime_type", mime_type),
        metadata=to_values(metadata),
        readers=None if readers is None else _readers(readers),
    )
    if text is not None:
        fields.text = plain_text("upsert.text", text)
    elif content is not None:
        fields.data = _bytes(content)
    elif reference is not None:
        fields.reference = plain_text("upsert.reference", reference)
    event = _event(collection, document, version, tenant)
    event.upsert.CopyFrom(fields)
    validate(event)
    return event


def delete(collection: str, document: str, *, version: int | None = None, tenant: str = "") -> DocumentEvent:
    """The document is gone. Without a version, the stored one stays, or the time of the record counts.

    >>> delete("hr", "doc-1", version=0)
    Traceback (most recent call last):
    ragstone.errors.InvalidArgument: version: it is 0; a version is a number from 1 to 9223372036854775807
    """
    event = _event(collection, document, version, tenant)
    event.delete.CopyFrom(EventDelete())
    validate(event)
    return event


def _event(collection: str, document: str, version: int | None, tenant: str) -> DocumentEvent:
    if version is not None and not 0 < version <= MOST_VERSION:  # larger ones do not fit into the message
        raise refused({"version": f"it is {version}; a version is a number from 1 to {MOST_VERSION}"})
    return DocumentEvent(
        tenant=plain_text("tenant", tenant),
        collection=plain_text("collection", collection),
        document=plain_text("document", document),
        version=version,
    )


def _readers(readers: Sequence[str]) -> Readers:
    if isinstance(readers, str):  # a sequence of one-letter principals
        raise TypeError(f"readers is a text; give a list, as in [{readers!r}]")
    return Readers(principals=[plain_text("upsert.readers", principal) for principal in readers])


def _bytes(content: bytes) -> bytes:
    if not isinstance(content, bytes):
        raise TypeError(f"content is a {type(content).__name__}, not bytes; give text as `text`")
    return content

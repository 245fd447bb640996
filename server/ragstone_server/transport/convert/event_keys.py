"""Keys of records: `collection/document`, or `tenant:collection/document` outside the default tenant.

A collection has neither slash nor colon in its name, so the first of each ends what stands before it.
"""

from ragstone_server.spi.errors import InvalidEvent, InvalidName
from ragstone_server.spi.names import DEFAULT_TENANT, CollectionName, DocumentName, document_id


def key_of(name: DocumentName) -> str:
    """The key of a document's events."""
    tenant, collection = name.collection.tenant, name.collection.collection
    return f"{collection}/{name.document}" if tenant == DEFAULT_TENANT else f"{tenant}:{collection}/{name.document}"


def check_key(key: bytes | None, name: DocumentName, bound: CollectionName | None) -> None:
    """Raise `InvalidEvent` where the key of an event names another document; a key of the producer's own is fine.

    The events of one document with two such keys may lie in two partitions, which have no order between them.
    """
    if key is None or key == key_of(name).encode():
        return
    named = _named(key, bound)
    if named not in (None, name):
        raise InvalidEvent(
            f"key: it names {named}, and the event {name}; the events of a document have one key, so that they stay in "
            f"order: key this one {key_of(name)!r}",
            metadata={"field": "key"},
        )


def named_by(key: bytes | None, bound: CollectionName | None) -> DocumentName:
    """The document that a record without a value deletes. Raises `InvalidEvent` where its key names none."""
    named = _named(key, bound) if key is not None else None
    if named is None and key is not None and bound is not None:
        named = _document(bound, key)
    if named is None:
        form = "collection/document" if bound is None else "the id of the document"
        raise InvalidEvent(
            f"key: a record without a value deletes the document that its key names, and {_shown(key)} names none; "
            f"send {form} as the key, in UTF-8",
            metadata={"field": "key"},
        )
    return named


def _named(key: bytes, bound: CollectionName | None) -> DocumentName | None:
    """The document, where the key has the full form; in a bound topic, where it names its collection."""
    prefix, slash, document = key.partition(b"/")
    if not slash:
        return None
    if bound is not None:
        ours = (bound.collection, f"{bound.tenant}:{bound.collection}")
        return _document(bound, document) if prefix in {form.encode() for form in ours} else None
    tenant, colon, collection = prefix.rpartition(b":")
    try:
        parent = CollectionName.parse(
            f"tenants/{tenant.decode() if colon else DEFAULT_TENANT}/collections/{collection.decode()}"
        )
    except (UnicodeDecodeError, InvalidName):
        return None
    return _document(parent, document)


def _document(collection: CollectionName, document: bytes) -> DocumentName | None:
    try:
        return DocumentName(collection=collection, document=document_id(document.decode()))
    except (UnicodeDecodeError, InvalidName):
        return None


def _shown(key: bytes | None) -> str:
    return "no key" if key is None else repr(key[:80].decode(errors="backslashreplace"))

"""Records of topics, for the tests of events."""

import json
from typing import Any

from hypothesis import strategies as st

from ragstone_server.pipelines.document_events import DocumentChange
from ragstone_server.spi.names import CollectionName, DocumentName
from ragstone_server.transport.convert.events import decode

JSON = [("content-type", b"application/json")]
PROTOBUF = [("content-type", b"application/protobuf")]
DEFAULT = CollectionName.parse("tenants/default/collections/default")
CREW = CollectionName.parse("tenants/acme/collections/crew")

segments = st.from_regex(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?", fullmatch=True)
ids = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=128)
names = st.builds(
    lambda tenant, collection, id_: DocumentName.parse(f"tenants/{tenant}/collections/{collection}/documents/{id_}"),
    st.just("default") | segments,
    segments,
    ids,
)


def said(event: Any, key: bytes | None = None, bound: CollectionName | None = None) -> DocumentChange:
    """What a record with this value, as JSON, says."""
    return decode(key, json.dumps(event).encode(), JSON, 5, bound)


def document(text: str, collection: CollectionName = DEFAULT) -> DocumentName:
    return DocumentName.parse(f"{collection}/documents/{text}")

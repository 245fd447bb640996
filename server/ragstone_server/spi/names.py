"""Resource names: `tenants/{tenant}/collections/{collection}/documents/{document}`.

The producer names the document: any text of 1 to 512 UTF-8 bytes without control characters, slashes included.
Tenants and collections are 1 to 63 of `a-z 0-9 - _`, beginning and ending with a letter or digit.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NewType

from ragstone_server.spi.errors import InvalidName

TenantId = NewType("TenantId", str)
CollectionId = NewType("CollectionId", str)
DocumentId = NewType("DocumentId", str)

DEFAULT_TENANT = TenantId("default")
DEFAULT_COLLECTION = CollectionId("default")
MAX_DOCUMENT_ID_BYTES = 512

_SEGMENT = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
_COLLECTION = re.compile(r"tenants/([^/]+)/collections/([^/]+)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DOCUMENT = re.compile(r"(tenants/[^/]+/collections/[^/]+)/documents/(.+)", re.DOTALL)


def parse_tenant(text: str) -> TenantId:
    """Read `tenants/TENANT`; raise `InvalidName` where it is malformed."""
    prefix, _, tenant = text.partition("/")
    if prefix != "tenants":
        raise InvalidName(f"{text!r} is not of the form tenants/TENANT", metadata={"name": text})
    return TenantId(_segment(tenant, "tenant"))


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class CollectionName:
    """Name of a collection within its tenant."""

    tenant: TenantId
    collection: CollectionId

    def __str__(self) -> str:
        return f"tenants/{self.tenant}/collections/{self.collection}"

    @classmethod
    def parse(cls, text: str) -> "CollectionName":
        """Read a resource name; raise `InvalidName` where it is malformed."""
        return _collection(text)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class DocumentName:
    """Name of a document within its collection."""

    collection: CollectionName
    document: DocumentId

    def __str__(self) -> str:
        return f"{self.collection}/documents/{self.document}"

    @classmethod
    def parse(cls, text: str) -> "DocumentName":
        """Read a resource name; raise `InvalidName` where it is malformed."""
        match = _DOCUMENT.fullmatch(text)
        if match is None:
            raise InvalidName(
                f"{text!r} is not of the form tenants/TENANT/collections/COLLECTION/documents/DOCUMENT",
                metadata={"name": text},
            )
        return cls(collection=CollectionName.parse(match[1]), document=document_id(match[2]))


def document_id(text: str) -> DocumentId:
    """Check a producer's document id; raise `InvalidName` where it is empty, too long or has control characters."""
    if not text or len(text.encode()) > MAX_DOCUMENT_ID_BYTES or _CONTROL.search(text):
        raise InvalidName(
            f"a document id has 1 to {MAX_DOCUMENT_ID_BYTES} bytes and no control characters",
            metadata={"name": text[:80]},
        )
    return DocumentId(text)


@lru_cache(maxsize=1024)
def _collection(text: str) -> CollectionName:
    """Few collections have many documents, and each names its own."""
    match = _COLLECTION.fullmatch(text)
    if match is None:
        raise InvalidName(f"{text!r} is not of the form tenants/TENANT/collections/COLLECTION", metadata={"name": text})
    return CollectionName(
        tenant=TenantId(_segment(match[1], "tenant")), collection=CollectionId(_segment(match[2], "collection"))
    )


def _segment(text: str, what: str) -> str:
    if _SEGMENT.fullmatch(text) is None:
        raise InvalidName(
            f"{what} {text!r} is malformed: 1 to 63 of a-z, 0-9, '-' and '_', with a letter or digit at both ends",
            metadata={"name": text},
        )
    return text

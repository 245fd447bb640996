"""Events as a topic has them."""

import json
from dataclasses import dataclass, field

from ragstone_server.spi.names import CollectionName
from ragstone_server.transport.kafka.record import Record

COLLECTION = CollectionName.parse("tenants/acme/collections/handbook")
FIRST_MS = 1_700_000_000_000


def event(document: str, version: int | None = None, text: str | None = None, **more: object) -> bytes:
    """An upsert, or without a text a deletion."""
    action = {"delete": {}} if text is None else {"upsert": {"text": text, **more}}
    numbered = {} if version is None else {"version": str(version)}
    where = {"tenant": COLLECTION.tenant, "collection": COLLECTION.collection}
    return json.dumps({**where, "document": document, **numbered, **action}).encode()


def referring(document: str, uri: str) -> bytes:
    """An upsert whose content lies elsewhere."""
    where = {"tenant": COLLECTION.tenant, "collection": COLLECTION.collection}
    return json.dumps({**where, "document": document, "upsert": {"reference": uri}}).encode()


def key(document: str) -> bytes:
    """Of a document's records."""
    return f"{COLLECTION.tenant}:{COLLECTION.collection}/{document}".encode()


@dataclass
class Log:
    """One partition."""

    records: list[Record] = field(default_factory=list)
    first: int = 0
    """Offset of the first record that is not deleted."""
    end: int = 0
    """Offset of the next record."""

    def add(self, value: bytes | None, document: str = "", *, gap: int = 0, at_ms: int | None = None) -> Record:
        """Append a record; before it, offsets that no record has."""
        made = Record(
            offset=self.end + gap,
            key=key(document) if document else None,
            value=value,
            headers=(("traceparent", b"00-1"),),
            timestamp_ms=FIRST_MS + self.end if at_ms is None else at_ms,
        )
        self.records.append(made)
        self.end = made.offset + 1
        return made

    def fetch(self, offset: int, most: int) -> list[Record]:
        """Records from the offset on."""
        return [each for each in self.records if each.offset >= max(offset, self.first)][:most]


def upserts(*documents: str) -> Log:
    """A new document each."""
    log = Log()
    for document in documents:
        log.add(event(document, 1, f"text {document}"), document)
    return log

"""Events of documents."""

import json
from dataclasses import dataclass

TITLE = "Bench"
HEADERS = [("content-type", b"application/json")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An upsert."""

    document: str
    version: int
    text: str
    collection: str = "default"
    kind: str = "bench"
    """Its metadata."""

    @property
    def key(self) -> bytes:
        """As producers are told to make it."""
        return f"{self.collection}/{self.document}".encode()

    @property
    def value(self) -> bytes:
        """As ProtoJSON."""
        upsert = {"title": TITLE, "text": self.text, "mimeType": "text/plain", "metadata": {"kind": self.kind}}
        event = {"collection": self.collection, "document": self.document, "version": str(self.version)}
        return json.dumps({**event, "upsert": upsert}).encode()

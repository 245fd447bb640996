"""Events for the topics that Ragstone reads: build, check, key and encode them; sending is the work of any Kafka client.

>>> from ragstone import events
>>> key, value, headers = events.encode(events.upsert("hr", "travel/trains", text="By train.", version=7), "json")
>>> key, headers
(b'hr/travel/trains', [('content-type', b'application/json')])
>>> value
b'{"collection": "hr", "document": "travel/trains", "version": "7", "upsert": {"text": "By train."}}'
"""

from ragstone.events.building import delete, upsert
from ragstone.events.records import MAX_RECORD_BYTES, Format, Record, encode, key_of, tombstone
from ragstone.events.rules import validate
from ragstone.v1.document_event_pb2 import DocumentEvent

__all__ = [
    "MAX_RECORD_BYTES",
    "DocumentEvent",
    "Format",
    "Record",
    "delete",
    "encode",
    "key_of",
    "tombstone",
    "upsert",
    "validate",
]

"""Requests, as both clients send them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

from ragstone.channel import MAX_MESSAGE_BYTES
from ragstone.documents import NewDocument
from ragstone.errors import InvalidArgument
from ragstone.metadata import to_wire
from ragstone.passages import AnswerFormat, MidStream, Turn
from ragstone.v1 import document_pb2, ingest_service_pb2, query_service_pb2

PART_BYTES = 1024 * 1024
"""Size of the parts in which a large document travels."""
INLINE_CHARACTERS = 4 * 1024 * 1024
"""Text of up to this length travels in one message."""
_ROLES = {"user": query_service_pb2.ROLE_USER, "assistant": query_service_pb2.ROLE_ASSISTANT}


_MID_STREAM = {
    None: query_service_pb2.MID_STREAM_UNSPECIFIED,
    MidStream.RESTART: query_service_pb2.MID_STREAM_RESTART,
    MidStream.CONTINUE: query_service_pb2.MID_STREAM_CONTINUE,
    MidStream.FAIL: query_service_pb2.MID_STREAM_FAIL,
}


def mid_stream_to(choice: MidStream | None) -> "query_service_pb2.MidStream.ValueType":
    """The caller's choice, unspecified where it made none."""
    return _MID_STREAM[choice]


def format_to(
    choice: AnswerFormat | str | None, schema: Mapping[str, Any] | bool | str | None
) -> "query_service_pb2.AnswerFormat.ValueType":
    """The caller's choice; a schema alone asks for JSON."""
    if choice is None:
        return query_service_pb2.ANSWER_FORMAT_UNSPECIFIED if schema is None else query_service_pb2.ANSWER_FORMAT_JSON
    try:
        chosen = AnswerFormat(choice.upper())
    except ValueError:
        raise ValueError(f"the format of an answer is text, markdown or json, not {choice!r}") from None
    return query_service_pb2.AnswerFormat.Value(f"ANSWER_FORMAT_{chosen}")


def schema_to(schema: Mapping[str, Any] | bool | str | None) -> str:
    """The schema as JSON; text is taken as it is."""
    return schema or "" if isinstance(schema, str | None) else json.dumps(schema, ensure_ascii=False)


def collection_name(collection: str) -> str:
    """A short name is one of the default tenant."""
    return collection if "/" in collection else f"tenants/default/collections/{collection}"


def document_name(collection: str, document: str) -> str:
    """Resource name of a document."""
    return f"{collection_name(collection)}/documents/{document}"


def search(
    question: str,
    *,
    collection: str,
    filter: str | None,  # noqa: A002 - the contract's name
    top_k: int | None,
    turns: Sequence[Turn | tuple[str, str]],
    min_watermark: str,
    stage_options: Mapping[str, Mapping[str, Any]] | None,
) -> query_service_pb2.Search:
    """What to look for, and where."""
    message = query_service_pb2.Search(
        collection=collection_name(collection),
        question=question,
        turns=[_turn(turn) for turn in turns],
        filter=filter or "",
        top_k=top_k or 0,
        min_watermark=min_watermark,
    )
    for stage, options in (stage_options or {}).items():
        struct = Struct()
        struct.update(options)
        message.stage_options[stage].CopyFrom(struct)
    return message


def micros(dollars: Decimal | float | None) -> int | None:
    """Millionths of a US dollar, rounded down. Raises `ValueError` for what is no number."""
    if dollars is None:
        return None
    exact = Decimal(str(dollars))
    if not exact.is_finite():
        raise ValueError(f"max_cost is no amount of US dollars: {dollars}")
    return int(exact * 1_000_000)


def purge(collection: str, filter: str, *, force: bool) -> ingest_service_pb2.PurgeDocumentsRequest:  # noqa: A002 - the contract's name
    """Which documents are to go."""
    return ingest_service_pb2.PurgeDocumentsRequest(parent=collection_name(collection), filter=filter, force=force)


def _turn(turn: Turn | tuple[str, str]) -> query_service_pb2.Turn:
    role, text = (turn.role, turn.text) if isinstance(turn, Turn) else turn
    if role not in _ROLES:
        raise ValueError(f"the role of a turn is 'user' or 'assistant', not {role!r}")
    return query_service_pb2.Turn(role=_ROLES[role], text=text)


def upsert(document: NewDocument) -> ingest_service_pb2.UpsertDocumentRequest:
    """One document in one message. Raises `InvalidArgument` where it is too large for that."""
    _check_content(document)
    request = ingest_service_pb2.UpsertDocumentRequest(
        name=document_name(document.collection, document.document), version=document.version, fields=_fields(document)
    )
    if document.text is not None:
        request.text = document.text
    else:
        request.data = document.content or b""
    _check_size(
        request, f"document {document.document!r} is larger than one message may be; `ingest` sends it in parts"
    )
    return request


def steps(sequence: int, document: NewDocument) -> Iterator[ingest_service_pb2.IngestRequest]:
    """The messages of one document in a stream; a large one travels in parts.

    All that a document can be refused for raises before the first message, so that none is sent in half.
    """
    _check_content(document)
    header = ingest_service_pb2.DocumentHeader(
        name=document_name(document.collection, document.document), version=document.version, fields=_fields(document)
    )
    content = document.content or b""
    if document.text is not None and len(document.text) <= INLINE_CHARACTERS:
        header.text = document.text
    elif document.text is not None:
        # The server takes text as it is only where it comes as text; as a file it is told that it is text.
        content = document.text.encode()
        header.fields.mime_type = header.fields.mime_type or "text/plain"
        header.size_bytes = len(content)
    elif len(content) <= PART_BYTES:
        header.inline = content
    else:
        header.size_bytes = len(content)
    first = ingest_service_pb2.IngestRequest(sequence=sequence, header=header)
    _check_size(first, f"the fields of document {document.document!r} are larger than one message may be")
    yield first
    if header.WhichOneof("content") == "size_bytes":
        for start in range(0, len(content), PART_BYTES):
            part = ingest_service_pb2.ContentPart(data=content[start : start + PART_BYTES])
            yield ingest_service_pb2.IngestRequest(part=part)


def _check_content(document: NewDocument) -> None:
    if (document.text is None) == (document.content is None):
        raise ValueError(f"document {document.document!r} needs text or content, one of them")
    if not isinstance(document.content, bytes | None):
        raise TypeError(
            f"the content of document {document.document!r} is a {type(document.content).__name__}, not bytes"
        )


def _check_size(message: Message, problem: str) -> None:
    if message.ByteSize() > MAX_MESSAGE_BYTES:
        raise InvalidArgument(problem, reason="DOCUMENT_TOO_LARGE", metadata={"limit_bytes": str(MAX_MESSAGE_BYTES)})


def _fields(document: NewDocument) -> document_pb2.DocumentFields:
    readers = None if document.readers is None else document_pb2.Readers(principals=document.readers)
    return document_pb2.DocumentFields(
        title=document.title or "",
        uri=document.uri or "",
        filename=document.filename or "",
        mime_type=document.mime_type or "",
        metadata=to_wire(document.metadata),
        readers=readers,
    )

"""Messages of the contract as ProtoJSON: lowerCamelCase, 64-bit numbers as text."""

from typing import Any

from google.protobuf.json_format import MessageToDict, MessageToJson
from google.protobuf.message import Message


def to_json(message: Message) -> str:
    """One line; fields that are not set are left out."""
    return MessageToJson(message, indent=None, ensure_ascii=False)


def to_dict(message: Message) -> dict[str, Any]:
    """With zeros and empty lists, so that every plain field is there."""
    return MessageToDict(message, always_print_fields_with_no_presence=True)

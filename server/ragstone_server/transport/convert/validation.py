"""The rules of the contract, enforced before anything else."""

import protovalidate
from google.protobuf.message import Message
from protovalidate import ValidationError

from ragstone_server.spi.errors import FieldViolation, InvalidRequest


def validate(request: Message) -> None:
    """Raise `InvalidRequest` with every field that breaks its rule."""
    try:
        protovalidate.validate(request)
    except ValidationError as error:
        violations = tuple(
            FieldViolation(field=_path(violation.proto.field), description=violation.proto.message)
            for violation in error.violations
        )
        what = "; ".join(f"{v.field}: {v.description}" if v.field else v.description for v in violations)
        raise InvalidRequest(what, violations=violations) from error


def _path(field: object) -> str:
    """`turns[1].text`, as the contract spells it."""
    parts = []
    for element in getattr(field, "elements", ()):
        name = str(element.field_name)
        subscript = getattr(element, "subscript", None)
        index = getattr(subscript, "value", None)
        parts.append(name if index is None else f"{name}[{index}]")
    return ".".join(parts)

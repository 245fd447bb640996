"""Says what is wrong with a record."""

from typing import NoReturn

from ragstone_server.spi.errors import InvalidEvent


def refuse(field: str, what: str, cause: Exception | None = None) -> NoReturn:
    """Raise `InvalidEvent` for a field, or for a part of the record."""
    raise InvalidEvent(f"{field}: {what}", metadata={"field": field}) from cause

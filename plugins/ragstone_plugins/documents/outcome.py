"""What comes back from a worker: the document, or why there is none."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from ragstone_server.spi.parser import ParsedDocument

_DETAIL_CHARS = 300


class Failure(StrEnum):
    """Every way in which a document can fail."""

    UNSUPPORTED = "unsupported"
    BROKEN = "broken"
    ENCRYPTED = "encrypted"
    WITHOUT_TEXT = "without-text"
    TOO_LARGE = "too-large"
    TIMED_OUT = "timed-out"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a document was not read."""

    failure: Failure
    detail: str
    """For the log of the server only: it may quote a library, and a library may quote the document."""


Outcome: TypeAlias = ParsedDocument | Refusal


class Refused(Exception):
    """The document cannot be read."""

    def __init__(self, failure: Failure, detail: str = "") -> None:
        """Say which failure; `detail` is cut to a length that a log can bear."""
        super().__init__(failure, detail)
        self.refusal = Refusal(failure=failure, detail=detail[:_DETAIL_CHARS])


def broken(error: Exception) -> Refused:
    """What a library raised over a damaged file."""
    return Refused(Failure.BROKEN, f"{type(error).__name__}: {error}")

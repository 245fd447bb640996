"""Earlier turns of a conversation."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Who spoke."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One earlier message, oldest first in a sequence of turns."""

    role: Role
    text: str

"""What a grounding check finds in a text."""

from dataclasses import dataclass

from ragstone_server.spi.grounding_check import Support
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.wrappers.fallible import Degradation


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence of a text."""

    range: ByteRange
    """Without the markers around it."""
    text: str
    cited: tuple[int, ...]
    """Numbers of its markers, counted from 1, that name a passage, each once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundedSentence:
    """A sentence and its support."""

    sentence: Sentence
    support: Support
    supported: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounding:
    """Every sentence of a text that was judged."""

    sentences: tuple[GroundedSentence, ...]
    min_score: float
    """From this score on, a sentence is supported."""
    share: float
    """Of the judged sentences, those that are supported; 1 where there are none."""
    unjudged: int = 0
    """Further sentences, past the most that are judged."""
    degradation: Degradation | None = None

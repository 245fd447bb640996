"""Answers."""

import json
from dataclasses import dataclass
from typing import Any

from ragstone.grounding import Grounding
from ragstone.passages import Abstention, Citation, Degraded, FinishReason, Passage, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer."""

    text: str
    citations: tuple[Citation, ...]
    passages: tuple[Passage, ...]
    """The evidence."""
    abstention: Abstention | None
    """None: the question was answered."""
    usage: Usage
    watermark: str
    finish_reason: FinishReason
    degraded: tuple[Degraded, ...]
    """Stages that were skipped or replaced on the way to it."""
    grounding: Grounding | None = None
    """How well the evidence supports it, sentence by sentence; None where it was not judged."""

    def json(self) -> Any:
        """The answer to a question in the format JSON, parsed. Raises `ValueError` where there is none, or no JSON."""
        if self.abstention is not None:
            raise ValueError(f"the question was not answered: {self.abstention}")
        return json.loads(self.text)

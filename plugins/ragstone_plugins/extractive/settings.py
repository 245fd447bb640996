"""What can be set of the extractive generator."""

from pydantic import Field

from ragstone_server.spi.provider import Settings

_SENTENCES = "Sentences of an answer, at most; most answers need fewer."
_CONFIDENCE = "Probability that the evidence answers, from which it is quoted; unset: as calibrated."


class ExtractiveSettings(Settings):
    """Section `generator.extractive` of the configuration."""

    max_sentences: int = Field(default=3, ge=1, le=10, description=_SENTENCES)
    min_confidence: float | None = Field(default=None, ge=0, le=1, description=_CONFIDENCE)


class ExtractiveOptions(Settings):
    """What a caller may set in a single request."""

    max_sentences: int | None = Field(default=None, ge=1, le=10, description=_SENTENCES)
    min_confidence: float | None = Field(default=None, ge=0, le=1, description=_CONFIDENCE)

"""Settings of the pipelines."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from pydantic import Field, field_validator

from ragstone_server.spi.generator import AnswerFormat
from ragstone_server.spi.names import CollectionName
from ragstone_server.spi.provider import Settings


class IngestSettings(Settings):
    """Limits of what comes in."""

    max_document_bytes: int = Field(
        default=256 * 1024 * 1024, ge=1, description="Largest document that is accepted, in bytes as it arrives."
    )
    max_bytes_in_flight: int = Field(
        default=512 * 1024 * 1024, ge=1, description="Most bytes of documents that are worked on at once."
    )
    max_documents_in_flight: int = Field(default=64, ge=1, description="Most documents that are worked on at once.")
    embed_batch: int = Field(
        default=64, ge=1, description="Texts handed to the embedder in one call; short documents share one."
    )


class RetrievalSettings(Settings):
    """How evidence is found."""

    candidates: int = Field(default=100, ge=1, le=2000, description="Passages that each retriever proposes at least.")
    default_top_k: int = Field(
        default=10, ge=1, le=1000, description="Passages that come back when the caller names no number."
    )
    rerank_candidates: int = Field(default=50, ge=1, le=1000, description="Passages that the reranker sees at most.")
    watermark_wait_seconds: float = Field(
        default=30.0, gt=0, description="Longest wait for a demanded watermark when the caller has no deadline."
    )


class AnswerSettings(Settings):
    """How the evidence becomes an answer."""

    context_tokens: int = Field(
        default=2048, ge=64, description="Tokens of evidence that are packed when the caller names no budget."
    )
    max_output_tokens: int = Field(
        default=512, ge=1, description="Longest answer in tokens when the caller names none."
    )
    neighbours: int = Field(
        default=1, ge=0, le=8, description="Passages on each side to which a hit is widened while the budget allows."
    )
    format: AnswerFormat = Field(
        default=AnswerFormat.TEXT, description="How answers are written when the caller does not say."
    )
    formats: tuple[AnswerFormat, ...] = Field(
        default=tuple(AnswerFormat), description="Formats that callers may ask for beside that one."
    )
    context_tokens_limit: int = Field(
        default=1_000_000, ge=1, description="Largest `context_tokens` that callers may ask for."
    )
    max_output_tokens_limit: int = Field(
        default=100_000, ge=1, description="Largest `max_output_tokens` that callers may ask for."
    )
    callers_set_temperature: bool = Field(default=True, description="Whether callers may set `temperature`.")
    callers_set_stop: bool = Field(default=True, description="Whether callers may set `stop`.")

    @field_validator("format")
    @classmethod
    def _needs_no_schema(cls, value: AnswerFormat) -> AnswerFormat:
        if value is AnswerFormat.JSON:
            raise ValueError("is text or markdown; JSON needs a schema, which callers send")
        return value


class OnUnsupported(StrEnum):
    """What becomes of an answer that the evidence does not support."""

    REPORT = "report"
    """It stands; what is not supported is marked."""
    ABSTAIN = "abstain"
    """It is declared void, and the question is not answered."""
    IGNORE = "ignore"
    """Answers are not judged."""


class GroundingSettings(Settings):
    """When a sentence counts as supported, and what becomes of answers that are not."""

    min_score: float = Field(
        default=0.6, ge=0, le=1, description="Score of the grounding check from which on a sentence is supported."
    )
    on_unsupported: OnUnsupported = Field(
        default=OnUnsupported.REPORT, description="What becomes of an answer that the evidence does not support."
    )
    min_share: float = Field(
        default=0.5, ge=0, le=1, description="Share of its sentences from which on an answer is supported."
    )
    max_sentences: int = Field(
        default=100,
        ge=1,
        description="Sentences of an answer that are judged; further ones are not, and that is declared.",
    )


class PromptSettings(Settings):
    """What prompts say in every collection, whatever the template."""

    system: str = Field(
        default="You answer questions for the readers of a collection of documents.",
        max_length=16384,
        description="Who the model is and what it is for: the first words of the built-in template.",
    )
    language: str = Field(
        default="same as the question", max_length=256, description="Language of the answer, as a model understands it."
    )
    style: str = Field(
        default="plain and brief, with no introduction", max_length=4096, description="How answers are written."
    )
    preambles: Mapping[str, str] = Field(
        default={},
        description="What a model is told of a collection beside the rest, by its name, or by its full resource name.",
    )

    def preamble(self, collection: CollectionName) -> str:
        """Of a collection; empty where there is none."""
        return self.preambles.get(str(collection)) or self.preambles.get(collection.collection, "")


class SnapshotSettings(Settings):
    """Copies of the catalog."""

    directory: Path | None = Field(
        default=None,
        description="Where the snapshots lie; by default `snapshots` in the data directory. Best on another disk.",
    )
    background_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of the time that making or checking a snapshot reads, writes or computes; it rests otherwise.",
    )
    min_free_bytes: int = Field(
        default=256 * 1024 * 1024,
        ge=0,
        description="A snapshot or restore that would leave less of the disk free is refused, or ended.",
    )

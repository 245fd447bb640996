"""What can be set of the chunker `structure`."""

from typing import Self

from pydantic import Field, model_validator

from ragstone_server.spi.provider import Settings


class StructureSettings(Settings):
    """Section `chunker.structure` of the configuration. Another value is another generation of the index."""

    target_tokens: int = Field(
        default=160,
        ge=16,
        le=8192,
        description="Length of a chunk in tokens of the embedder. A quarter more is allowed where it saves a cut; less is "
        "taken where the embedder takes less: a fifth of its limit is kept for the title and the headings.",
    )
    min_tokens: int = Field(
        default=60,
        ge=0,
        le=8192,
        description="A section shorter than this is joined with its neighbours of the same chapter where they fit.",
    )
    overlap_tokens: int = Field(
        default=24,
        ge=0,
        le=1024,
        description="Tokens of whole sentences that a chunk repeats of the one before it within the same section, at most.",
    )

    @model_validator(mode="after")
    def _in_proportion(self) -> Self:
        if max(self.min_tokens, self.overlap_tokens) > self.target_tokens:
            raise ValueError("min_tokens and overlap_tokens must not be greater than target_tokens")
        return self

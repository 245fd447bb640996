"""Settings of the context filter."""

from pydantic import Field

from ragstone_server.spi.provider import Settings


class EvidenceConfig(Settings):
    """Thresholds; docs/decisions/0009-context-threshold.md says where they come from."""

    min_dense: float = Field(
        default=0.10,
        ge=-1,
        le=1,
        description="Cosine below which a passage is dropped, unless its words rank it among the first.",
    )
    keep_lexical: int = Field(
        default=3, ge=0, description="Passages that the lexical retriever ranks so high stay whatever their cosine."
    )
    duplicate_share: float = Field(
        default=0.85,
        gt=0,
        le=1,
        description="Share of its word triples in one passage before it that makes a duplicate.",
    )


class EvidenceOptions(Settings):
    """What a caller may choose for one question."""

    min_dense: float | None = Field(default=None, ge=-1, le=1, description="Instead of the configured threshold.")

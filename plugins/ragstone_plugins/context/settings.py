"""What can be set of the context filter `evidence`."""

from pydantic import Field

from ragstone_server.spi.provider import Settings

_MIN_DENSE = (
    "Cosine below which a passage is dropped, unless `lexical_share` saves it; -1: none is. Calibrated for all-minilm-l6-v2 on "
    "half of SQuAD 2 and SciFact, so that at most 0.2 % of the questions lose all that answers them; "
    "docs/decisions/0009-context-threshold.md has the method and the figures. Another embedder needs another value."
)


class EvidenceSettings(Settings):
    """Section `context_filter.evidence` of the configuration."""

    min_dense: float = Field(default=0.26, ge=-1, le=1, description=_MIN_DENSE)
    lexical_share: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="Share of the best lexical score from which a passage stays for its words alone, whatever its cosine.",
    )
    duplicate_share: float = Field(
        default=0.85,
        gt=0,
        le=1,
        description="Share of a passage's word triples that one before it has, from which it is a duplicate; not if "
        "what is left has a number, a negation or a name that the other has not.",
    )


class EvidenceOptions(Settings):
    """What a caller may set in a single request."""

    min_dense: float | None = Field(default=None, ge=-1, le=1, description="Instead of the configured threshold.")

"""What can be set of the fusers."""

from pydantic import Field

from ragstone_server.spi.provider import Settings


class WeightedSettings(Settings):
    """Section `fuser.weighted` of the configuration."""

    dense_weight: float = Field(
        default=0.7, ge=0, le=1, description="Weight of the dense scores; the lexical ones have the rest."
    )


class WeightedOptions(Settings):
    """What a caller may set in a single request."""

    dense_weight: float | None = Field(
        default=None, ge=0, le=1, description="Weight of the dense scores, instead of the configured one."
    )


class ReciprocalRankSettings(Settings):
    """Section `fuser.reciprocal_rank` of the configuration."""

    k: int = Field(
        default=60, ge=0, le=10_000, description="Added to each rank: the greater, the less the first ranks stand out."
    )

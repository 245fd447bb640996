"""What can be set of the rewriter `rules`."""

from pydantic import Field

from ragstone_server.spi.provider import Settings


class RulesSettings(Settings):
    """Section `rewriter.rules` of the configuration."""

    max_added_terms: int = Field(
        default=12,
        ge=0,
        le=64,
        description="Terms of the earlier turns that are added to a follow-up question, at most.",
    )
    max_turns: int = Field(
        default=6, ge=0, le=64, description="Earlier turns that are looked at, the last ones; questions and answers."
    )

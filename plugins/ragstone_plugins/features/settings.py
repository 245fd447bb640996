"""What can be set of the router `features`."""

from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from ragstone_server.spi.provider import Settings


class RouteRule(Settings):
    """A route, and what a question must be like to take it. Every condition that is set must hold."""

    route: str = Field(min_length=1, description="Name of the route.")
    min_words: int | None = Field(default=None, ge=1, description="Fewest words of the question.")
    max_words: int | None = Field(default=None, ge=1, description="Most words of the question.")
    min_hops: int | None = Field(
        default=None, ge=2, description="Fewest facts that the question joins, as its English wording suggests."
    )
    min_context_tokens: int | None = Field(
        default=None, ge=1, description="Fewest tokens of evidence, estimated by its length."
    )
    min_turns: int | None = Field(default=None, ge=1, description="Fewest earlier turns.")
    budget_below: Decimal | None = Field(
        default=None, gt=0, description="The caller permits the answer to cost less than this, in US dollars."
    )
    languages: tuple[str, ...] = Field(default=(), description="Languages of the question, as `en` or `de`.")
    tenants: tuple[str, ...] = Field(default=(), description="Tenants that ask.")
    collections: tuple[str, ...] = Field(default=(), description="Collections that are asked.")

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.model_fields_set == {"route"}:
            raise ValueError("a rule needs a condition; questions that no rule fits take the route `default`")
        return self


class FeaturesSettings(Settings):
    """Section `router` of the configuration."""

    rules: tuple[RouteRule, ...] = Field(
        default=(), description="Tried in their order; the first that fits decides. None fits: the route `default`."
    )

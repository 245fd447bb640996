"""Settings of routes and of the deployments in them."""

from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ragstone_server.spi.provider import Settings


class MidStream(StrEnum):
    """What happens when a model fails after its first token."""

    RESTART = "restart"
    """What was said is declared void, and the next model begins again."""
    CONTINUE = "continue"
    """The next model goes on behind what was said, where its deployment can; else it begins again."""
    FAIL = "fail"
    """The stream ends with an error."""


class Price(Settings):
    """What a model costs, in US dollars a million tokens."""

    input: Decimal = Field(ge=0, description="A million tokens of the prompt.")
    output: Decimal = Field(ge=0, description="A million tokens of the answer.")


class DeploymentSettings(BaseModel):
    """One model at one provider. What is not named here goes to the provider's own settings."""

    model_config = ConfigDict(frozen=True, extra="allow")

    provider: str = Field(description="Name of the generator plugin that speaks to it.")
    name: str | None = Field(
        default=None, min_length=1, description="How streams, logs and the status name it; the model's name else."
    )
    weight: float | None = Field(
        default=None,
        gt=0,
        description="Share of the requests that begin with it, among those with a weight; without one it is a fallback.",
    )
    concurrency: int | None = Field(default=None, ge=1, description="Most answers at once; further ones wait.")
    requests_per_minute: int | None = Field(default=None, ge=1, description="Most requests in a minute.")
    tokens_per_minute: int | None = Field(
        default=None, ge=1, description="Most tokens in a minute, of prompts and answers."
    )
    prefill: bool = Field(default=False, description="Whether it goes on behind a beginning that it is given.")
    price: Price | None = Field(default=None, description="Overrides what is known of the model's price.")

    @property
    def own(self) -> dict[str, Any]:
        """Settings of the provider."""
        return dict(self.model_extra or {})


class RouteSettings(Settings):
    """Deployments in the order in which they are tried."""

    deployments: tuple[DeploymentSettings, ...] = Field(min_length=1, description="The first that can answers.")
    mid_stream: MidStream = Field(
        default=MidStream.RESTART, description="What happens when a model fails after its first token."
    )
    callers_choose: bool = Field(default=True, description="Whether a caller may choose another `mid_stream`.")
    by_name: bool = Field(default=True, description="Whether a caller may name it; the router may in any case.")
    stall_seconds: float = Field(default=10.0, gt=0, description="A stream that gives no token for so long has failed.")
    first_token_seconds: float = Field(
        default=30.0, gt=0, description="A model that says nothing for so long has failed."
    )
    retries: int = Field(
        default=1, ge=0, le=5, description="Further rounds through the deployments while nothing was said yet."
    )
    breaker_failures: int = Field(
        default=5, ge=1, description="Failures in a row after which a deployment is left alone for a while."
    )
    breaker_seconds: float = Field(
        default=30.0, gt=0, description="How long it is left alone; then one request at a time tries it."
    )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [deployment.name for deployment in self.deployments if deployment.name]
        if len(names) != len(set(names)):
            raise ValueError("two deployments of a route have one name")
        return self

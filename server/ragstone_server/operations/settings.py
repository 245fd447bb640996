"""Settings of the runner."""

from typing import Self

from pydantic import Field, model_validator

from ragstone_server.spi.provider import Settings


class OperationsSettings(Settings):
    """How long-running operations are run and kept."""

    at_once: int = Field(default=2, ge=1, description="Most operations that this process runs at the same time.")
    poll_seconds: float = Field(
        default=1.0, gt=0, description="How often a catalog that other processes write to is looked at for operations."
    )
    heartbeat_seconds: float = Field(
        default=5.0, gt=0, description="How often a runner says that it lives, and hears that it is to cancel."
    )
    takeover_seconds: float = Field(
        default=30.0,
        gt=0,
        description="An operation whose runner was not heard of for so long is taken over. Several times "
        "`heartbeat_seconds`.",
    )
    keep_days: float = Field(default=30.0, gt=0, description="How long operations that have ended are kept.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        """A runner that lives is heard of in time."""
        if self.takeover_seconds < 2 * self.heartbeat_seconds:
            raise ValueError(
                "takeover_seconds is less than twice heartbeat_seconds: runners that live would be taken over"
            )
        return self

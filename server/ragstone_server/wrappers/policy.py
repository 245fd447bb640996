"""What the operator decides about a stage, beside its provider and its configuration."""

from typing import Any

from pydantic import Field

from ragstone_server.spi.provider import Settings

FAIL = "fail"
SKIP = "skip"


class StagePolicy(Settings):
    """Policy of one stage; the keys stand in the stage's own section."""

    deadline_share: float = Field(
        default=1.0, gt=0, le=1, description="Share of the caller's remaining time for the stage."
    )
    timeout_seconds: float | None = Field(
        default=None, gt=0, description="Longest time in seconds, whatever the deadline."
    )
    concurrency: int | None = Field(
        default=None, ge=1, description="Most calls at once; further ones wait for a place."
    )
    retries: int = Field(default=0, ge=0, le=5, description="Further tries after a failure that is worth one.")
    on_failure: str | None = Field(
        default=None, description="`fail`, `skip`, or the name of another provider; None: what suits the kind."
    )

    @classmethod
    def split(cls, section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The keys of the policy, and the others."""
        mine = {key: value for key, value in section.items() if key in cls.model_fields}
        return mine, {key: value for key, value in section.items() if key not in mine}

"""What can be set of a model behind a URL."""

from collections.abc import Mapping
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from ragstone_server.spi.provider import Settings


class OpenAICompatibleSettings(Settings):
    """Section `generator.openai_compatible`, or a deployment of a route."""

    model: str = Field(default="", description="Name of the model, as the provider knows it. Has to be set.")
    url: str = Field(
        default="",
        description="Where the provider answers: what stands before `/chat/completions`, as in `http://127.0.0.1:9001/v1`."
        " Has to be set.",
    )
    api_key: SecretStr | None = Field(default=None, description="Sent as a bearer token; best as `env:NAME`.")
    headers: Mapping[str, SecretStr] = Field(default={}, description="Further headers of every request.")
    connect_seconds: float = Field(
        default=5.0, gt=0, le=300, description="Longest time to a connection, waiting for a place among them included."
    )
    max_connections: int = Field(
        default=128, ge=1, le=65536, description="Most connections at once: answers side by side."
    )
    prefill: bool = Field(
        default=False,
        description="Whether it goes on behind a last message of the assistant, instead of answering anew.",
    )
    writes_json: bool = Field(
        default=True,
        description="Whether it can be asked for JSON by a schema (`response_format`); if not, such answers come from others.",
    )
    token_limit: Literal["max_tokens", "max_completion_tokens"] = Field(
        default="max_tokens", description="Name under which the provider takes the most tokens of an answer."
    )

    window: int | None = Field(
        default=None,
        ge=64,
        description="Tokens that the model reads and writes at most; prompts are made to fit, with room for the answer.",
    )
    tokenizer: str = Field(
        default="",
        description="Path of the model's `tokenizer.json`, or of a directory that has it, to count tokens with. Empty: a guess that"
        " is rather too high, in English prose by a third.",
    )

    @model_validator(mode="after")
    def _counts_for_something(self) -> Self:
        if self.tokenizer and self.window is None:
            raise ValueError("`tokenizer` counts for a `window`; set that too, or leave both out")
        return self

    @field_validator("url")
    @classmethod
    def _is_a_base(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("begins with http:// or https:// and a host")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("has neither credentials nor a query; set api_key or headers")
        return url.rstrip("/")

    @field_validator("api_key", "headers")
    @classmethod
    def _fits_a_header(
        cls, value: SecretStr | Mapping[str, SecretStr] | None
    ) -> SecretStr | Mapping[str, SecretStr] | None:
        headers = value if isinstance(value, Mapping) else {} if value is None else {"Authorization": value}
        for name, secret in headers.items():
            text = secret.get_secret_value()
            if not (name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
                raise ValueError("names of headers are of letters, digits and hyphens")
            if not (text.isascii() and text.isprintable() and text == text.strip()):
                raise ValueError("holds a line break, a blank at an end, or a character outside ASCII")
        return value

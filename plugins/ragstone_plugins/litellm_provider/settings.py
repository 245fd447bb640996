"""What can be set of a model that litellm reaches."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from ragstone_server.spi.provider import Settings

RESERVED = frozenset(
    "api_base api_key api_version base_url cache caching callbacks client documents drop_params encoding_format fallbacks input"
    " input_type max_retries messages mock_response model n num_retries query retry_policy return_documents stream"
    " stream_options success_callback timeout top_n".split()
)
"""Parameters that the plugin sets itself, or that would undo what it promises."""


class LitellmSettings(Settings):
    """What all three kinds share."""

    model: str = Field(
        default="", description="Provider and model as litellm names them, as in `anthropic/NAME`. Has to be set."
    )
    url: str = Field(default="", description="Where the provider answers. Empty: where litellm knows it to be.")
    api_key: SecretStr | None = Field(
        default=None,
        description="Best as `env:NAME`. Left out: what litellm finds in the provider's own environment variables.",
    )
    region: str = Field(default="", description="Of a provider that has regions: Bedrock, SageMaker, Vertex AI.")
    api_version: str = Field(default="", description="Of a provider that asks for one, as Azure does.")
    extra: Mapping[str, Any] = Field(
        default={},
        repr=False,
        description="Further parameters of litellm or of the provider; values may be `env:NAME`.",
    )
    timeout_seconds: float = Field(
        default=60.0, gt=0, le=3600, description="Longest silence of the provider; the caller's deadline may be nearer."
    )

    @field_validator("url")
    @classmethod
    def _is_a_base(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("begins with http:// or https:// and a host")
        if parts.username or parts.password:
            raise ValueError("holds no credentials; set api_key")
        return url

    @field_validator("extra")
    @classmethod
    def _is_free(cls, extra: Mapping[str, Any]) -> Mapping[str, Any]:
        taken = sorted(RESERVED & extra.keys())
        if taken:
            raise ValueError(f"may not hold {', '.join(taken)}: the plugin sets that")
        return extra


class LitellmGeneratorSettings(LitellmSettings):
    """Section `generator.litellm`, or a deployment of a route."""

    prefill: bool = Field(
        default=False,
        description="Whether it goes on behind a last message of the assistant, instead of answering anew.",
    )
    window: int | None = Field(
        default=None,
        ge=64,
        description="Tokens that the model reads and writes at most; prompts are made to fit, with room for the answer."
        " Left out: what litellm knows of the model.",
    )
    tokenizer: str = Field(
        default="",
        description="Path of the model's `tokenizer.json`, or of a directory that has it, to count tokens with. Empty: what OpenAI"
        " published for its models; for others a guess that is rather too high, in English prose by a third.",
    )
    writes_json: bool = Field(
        default=True,
        description="Whether it can be asked for JSON by a schema (`response_format`); if not, such answers come from others.",
    )


class LitellmEmbedderSettings(LitellmSettings):
    """Section `embedder.litellm`."""

    dimension: int | None = Field(
        default=None, ge=1, le=65536, description="Length of its vectors. Left out: one text is embedded to find out."
    )
    max_tokens: int = Field(default=512, ge=1, description="Tokens of a text that are sent; what is longer is cut.")
    tokenizer: str = Field(
        default="",
        description="Path of the model's `tokenizer.json`. Empty: pieces of words of at most 4 letters, which are rather too"
        " many than too few.",
    )
    question_type: str = Field(
        default="", description="`input_type` of questions where the model has such, as `search_query` (Cohere)."
    )
    passage_type: str = Field(default="", description="Likewise of passages, as `search_document`.")
    batch_size: int = Field(default=96, ge=1, le=2048, description="Most texts of one request.")
    max_batch_tokens: int = Field(default=50_000, ge=1, description="Most tokens of one request of several texts.")
    concurrency: int = Field(
        default=4, ge=1, le=256, description="Most requests at once for passages, and as many for questions."
    )


class LitellmRerankerSettings(LitellmSettings):
    """Section `reranker.litellm`."""

    batch_size: int = Field(default=100, ge=1, le=1000, description="Most passages of one request.")
    concurrency: int = Field(default=8, ge=1, le=256, description="Most requests at once.")

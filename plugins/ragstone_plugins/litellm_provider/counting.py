"""Tokens as the model counts them, where its vocabulary is at hand."""

from collections.abc import Callable

from ragstone_plugins.litellm_provider.backend import Backend
from ragstone_plugins.litellm_provider.settings import LitellmGeneratorSettings
from ragstone_server.spi.model_tokenizer import counter


def counter_of(backend: Backend, settings: LitellmGeneratorSettings) -> Callable[[str], int]:
    """By the tokenizer that is set, else by the one that OpenAI published for its model, else by a guess that is rather too high.

    Blocks. Raises `StartError` for a tokenizer that cannot be read.
    """
    encoding = None if settings.tokenizer else backend.published_encoding()
    if encoding is None:
        return counter(settings.tokenizer)
    return lambda text: len(encoding.encode_ordinary(text))

"""The one module that imports litellm, when a stage is opened; set up to carry requests and to do nothing else."""

import inspect
import logging
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ragstone_plugins.litellm_provider.settings import LitellmSettings
from ragstone_server.spi.errors import StartError
from ragstone_server.spi.host import Host

if TYPE_CHECKING:
    from tiktoken import Encoding

INSTALL = "pip install 'ragstone-server[litellm]'"
_SILENT = logging.CRITICAL + 1
_REGION = {
    "bedrock": "aws_region_name",
    "bedrock_converse": "aws_region_name",
    "sagemaker": "aws_region_name",
    "sagemaker_chat": "aws_region_name",
    "vertex_ai": "vertex_location",
    "vertex_ai_beta": "vertex_location",
}
_WITH_KNOWN_NAMES = frozenset({"azure", "openai"})
"""Providers whose models tiktoken knows by their names."""
_SHIPPED = frozenset({"cl100k_base", "o200k_base"})
"""Vocabularies that lie in litellm's package. For any other, tiktoken would go to the network."""
_users = 0
"""Stages that are open: litellm keeps its connections for the whole process, and the last user closes them."""


class Backend:
    """litellm for one model, with what every request of it has in common."""

    def __init__(self, litellm: Any, settings: LitellmSettings) -> None:
        """Raises `StartError` where the settings do not fit together."""
        self._litellm = litellm
        # Retries, fallbacks and prices are the server's own.
        self._common: dict[str, Any] = {
            **settings.extra,
            "model": settings.model,
            "max_retries": 0,
            "num_retries": 0,
            "no-log": True,
        }
        given = {"api_base": settings.url, "api_version": settings.api_version}
        if settings.api_key is not None:
            given["api_key"] = settings.api_key.get_secret_value()
        if settings.region:
            given[self._region_parameter(settings)] = settings.region
        self._common |= {key: value for key, value in given.items() if value}
        self.provider = self._provider(settings)

    async def complete(self, **asked: Any) -> Any:
        """A stream of chunks, begun; `close` ends it. Raises what litellm raises."""
        return await self._litellm.acompletion(**self._common, **asked)

    def known_window(self) -> int | None:
        """Tokens that the model reads at most, as litellm's own list has it; None where it has not."""
        try:
            known = self._litellm.get_model_info(self._common["model"]).get("max_input_tokens")
        except Exception:  # noqa: BLE001 - the library raises nothing narrower
            return None
        return known if isinstance(known, int) and known > 0 else None

    def published_encoding(self) -> "Encoding | None":
        """The vocabulary of a model of OpenAI, without going to the network; None where there is none. Blocks."""
        if self.provider not in _WITH_KNOWN_NAMES or "CUSTOM_TIKTOKEN_CACHE_DIR" in os.environ:
            return None
        import litellm.litellm_core_utils.default_encoding  # noqa: F401 - tells tiktoken where the vocabularies lie
        import tiktoken

        try:
            name = tiktoken.encoding_name_for_model(self._common["model"].rpartition("/")[2])
        except KeyError:
            return None
        return tiktoken.get_encoding(name) if name in _SHIPPED else None

    async def embed(self, **asked: Any) -> Any:
        """Vectors. Raises what litellm raises."""
        return await self._litellm.aembedding(**self._common, **asked)

    async def rerank(self, **asked: Any) -> Any:
        """Relevance of documents. Raises what litellm raises."""
        return await self._litellm.arerank(**self._common, **asked)

    def _provider(self, settings: LitellmSettings) -> str:
        try:
            _, provider, _, _ = self._litellm.get_llm_provider(settings.model, api_base=settings.url or None)
        except Exception as error:  # the library raises nothing narrower
            raise StartError(
                f"litellm does not know who provides the model {settings.model!r}; name it PROVIDER/MODEL, as in openai/NAME"
                " for any OpenAI-compatible url."
            ) from error
        return str(provider)

    def _region_parameter(self, settings: LitellmSettings) -> str:
        provider = settings.model.partition("/")[0]
        if provider not in _REGION:
            raise StartError(f"{settings.model!r} has no region; take `region` out, or use `url` or `extra`.")
        return _REGION[provider]


async def close(stream: Any) -> None:
    """End a stream: the connection is closed where the answer is not complete.

    Not by litellm's own method, which swallows a cancellation, and misses streams that hide behind a generator.
    """
    source, stream.completion_stream = stream.completion_stream, None
    if (end := getattr(source, "aclose", None) or getattr(source, "close", None)) is not None:
        ending = end()
        if inspect.isawaitable(ending):
            await ending
        return
    for held in getattr(source, "__dict__", {}).values():
        if inspect.isasyncgen(held):
            await held.aclose()


@asynccontextmanager
async def opened(settings: LitellmSettings, host: Host, kind: str) -> AsyncIterator[Backend]:
    """litellm, imported on the first opening. Nothing is sent. Raises `StartError`."""
    global _users
    if not settings.model:
        raise StartError(f"The {kind} litellm does not know which model to ask: set model, as in provider/name.")
    litellm = await host.bulk.run(_imported)
    backend = Backend(litellm, settings)
    _users += 1
    try:
        yield backend
    finally:
        _users -= 1
        if _users == 0:
            await _close_connections(litellm)


def _imported() -> Any:
    # Else it fetches lists of prices and headers when it starts, and reads an `.env` file of the working directory.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    try:
        import litellm
    except ModuleNotFoundError as error:
        raise StartError(f"The provider litellm is not installed; run: {INSTALL}") from error
    _quieted(litellm)
    return litellm


def _quieted(litellm: Any) -> None:
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

    # Nobody listens to what it would report, from a task that outlives the stages.
    worker: Any = GLOBAL_LOGGING_WORKER
    worker.ensure_initialized_and_enqueue = _unreported
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.disable_streaming_logging = True
    litellm.drop_params = False  # a parameter that a provider does not know is an error, never ignored
    litellm.modify_params = False
    litellm.cache = None
    litellm.num_retries = None
    litellm.DEFAULT_MAX_RETRIES = 0  # what embedding takes where it is given 0
    # Its counts are guesses, and it fetches tokenizers for them.
    litellm.disable_token_counter = True
    litellm.disable_hf_tokenizer_download = True
    litellm.disable_aiohttp_transport = True  # one HTTP library, whose errors `faults` knows
    # Its own client sends a request again, with all that it costs, where a connection broke.
    litellm.AsyncHTTPHandler.single_connection_post_request = _not_again
    litellm.REPEATED_STREAMING_CHUNK_LIMIT = 1_000_000_000  # it takes 100 equal chunks for a failure
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        # Its warnings quote requests.
        logging.getLogger(name).setLevel(_SILENT)
    for name in ("openai", "httpx", "httpcore"):
        # They log URLs, some of which hold keys.
        logging.getLogger(name).setLevel(logging.WARNING)


def _unreported(async_coroutine: Coroutine[Any, Any, object]) -> None:
    async_coroutine.close()


async def _not_again(*_: Any, **__: Any) -> None:
    """Raise what is being handled."""
    error = sys.exception()
    assert error is not None
    raise error


async def _close_connections(litellm: Any) -> None:
    await litellm.close_litellm_async_clients()
    litellm.in_memory_llm_clients_cache.flush_cache()

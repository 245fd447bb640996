"""The door: offers the embedder and the reranker `onnx`."""

import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ragstone_plugins.onnx.errors import ModelError
from ragstone_plugins.onnx.settings import (
    DEFAULT_MODEL,
    DEFAULT_SOURCE,
    OnnxEmbedderSettings,
    OnnxRerankerSettings,
)
from ragstone_server.spi.embedder import Embedder
from ragstone_server.spi.errors import StartError
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.provider import Provider
from ragstone_server.spi.reranker import Reranker


@asynccontextmanager
async def open_embedder(settings: OnnxEmbedderSettings, host: Host) -> AsyncIterator[Embedder]:
    """Load the model; the session ends with the last reference to it."""
    from ragstone_plugins.onnx.embedder import OnnxEmbedder

    try:
        embedder = await OnnxEmbedder.open(settings, host)
    except ModelError as error:
        raise StartError(error.message) from error
    yield embedder


def fetch_model(source: str | None, models_dir: Path, progress: Callable[[str], None]) -> Path:
    """Get a model into a directory of its own name. Raises `StartError` with what to do."""
    from ragstone_plugins.onnx.fetch import pull

    directory = models_dir / _name(source)
    try:
        pull(source or DEFAULT_SOURCE, directory, progress)
    except ModelError as error:
        raise StartError(error.message) from error
    return directory


def _name(source: str | None) -> str:
    """Name of the directory that a source's model gets."""
    if source is None or source == DEFAULT_SOURCE:
        return DEFAULT_MODEL
    path = Path(source)
    if path.exists():
        return path.resolve().name.removesuffix(".zip").removesuffix(".whl")
    return re.split(r"[/:]", re.sub(r"(==|@).*", "", source))[-1]


PROVIDER: Provider[Embedder, OnnxEmbedderSettings] = Provider(
    name="onnx",
    summary="a sentence encoder in ONNX, on the CPU of this machine",
    config=OnnxEmbedderSettings,
    open=open_embedder,
    fetch_model=fetch_model,
)


@asynccontextmanager
async def open_reranker(settings: OnnxRerankerSettings, host: Host) -> AsyncIterator[Reranker]:
    """Load the model; the session ends with the last reference to it."""
    if not settings.model:
        raise StartError("The reranker onnx does not know which model to load: set model to its directory.")
    from ragstone_plugins.onnx.reranker import OnnxReranker

    try:
        reranker = await OnnxReranker.open(settings, host)
    except ModelError as error:
        raise StartError(error.message) from error
    yield reranker


RERANKER: Provider[Reranker, OnnxRerankerSettings] = Provider(
    name="onnx",
    summary="a cross-encoder in ONNX, on the CPU of this machine",
    config=OnnxRerankerSettings,
    open=open_reranker,
)


@hookimpl
def ragstone_rerankers() -> Iterable[Provider[Reranker, Any]]:
    """Offer the reranker."""
    return (RERANKER,)


@hookimpl
def ragstone_embedders() -> Iterable[Provider[Embedder, Any]]:
    """Offer the embedder."""
    return (PROVIDER,)

"""The embedder stage."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from ragstone_plugins.onnx.embedder import OnnxEmbedder
from ragstone_plugins.onnx.errors import ModelFailed
from ragstone_plugins.onnx.model import OnnxModel
from ragstone_plugins.onnx.plugin import PROVIDER, ragstone_embedders
from ragstone_plugins.onnx.settings import OnnxEmbedderSettings
from ragstone_server.spi.embedder import Embedder, EmbedRequest, Purpose
from ragstone_server.spi.errors import StageFailed, StartError
from ragstone_server.testing.memory.host import MemoryHost

TEXTS = tuple(f"{'the ferry ' * (number % 7)}harbour {number}" for number in range(50))


@pytest.fixture
async def host(tiny_model: Path, tmp_path: Path) -> AsyncIterator[MemoryHost]:
    async with MemoryHost(tmp_path, tiny_model.parent) as host:
        yield host


@pytest.fixture
async def embedder(host: MemoryHost) -> AsyncIterator[Embedder]:
    async with PROVIDER.open(OnnxEmbedderSettings(model="tiny"), host) as embedder:
        yield embedder


def passages(*texts: str) -> EmbedRequest:
    return EmbedRequest(texts=texts, purpose=Purpose.PASSAGE)


async def test_rows_belong_to_their_texts(embedder: Embedder, tiny_model: Path) -> None:
    vectors = await embedder(passages(*TEXTS))
    assert np.array_equal(vectors, OnnxModel.open(tiny_model).embed(TEXTS))
    assert (await embedder(passages())).shape == (0, embedder.dimension)
    assert (await embedder(passages(""))).shape == (1, 64)


async def test_its_facts_are_those_of_the_model(embedder: Embedder, tiny_model: Path) -> None:
    assert embedder.fingerprint == OnnxModel.open(tiny_model).manifest.fingerprint
    # 48, of which [CLS] and [SEP] take two.
    assert embedder.max_tokens == 46
    fits = " ".join(["ferry"] * 45)
    one, other, cut = await embedder(passages(f"{fits} the", f"{fits} harbour", f"{fits} harbour the"))
    assert not np.array_equal(one, other)
    assert np.array_equal(other, cut)
    assert len(embedder.tokenizer.offsets(fits)) == 45


@pytest.mark.parametrize(("purpose", "lane"), [(Purpose.QUESTION, "interactive"), (Purpose.PASSAGE, "bulk")])
async def test_each_purpose_has_its_lane(
    embedder: Embedder, monkeypatch: pytest.MonkeyPatch, purpose: Purpose, lane: str
) -> None:
    threads: set[str] = set()
    embed = OnnxModel.embed

    def watched(model: OnnxModel, texts: Sequence[str]) -> NDArray[np.float32]:
        threads.add(threading.current_thread().name.rpartition("_")[0])
        return embed(model, texts)

    monkeypatch.setattr(OnnxModel, "embed", watched)
    await embedder(EmbedRequest(texts=TEXTS, purpose=purpose))
    assert threads == {lane}


async def test_what_a_text_begins_with_is_part_of_the_fingerprint(host: MemoryHost, embedder: Embedder) -> None:
    settings = OnnxEmbedderSettings(model="tiny", question_prefix="the ", passage_prefix="ferry harbour ")
    async with PROVIDER.open(settings, host) as prefixed:
        assert prefixed.fingerprint.startswith(f"{embedder.fingerprint}-")
        assert prefixed.max_tokens == embedder.max_tokens - 2
        question = await prefixed(EmbedRequest(texts=("ferry",), purpose=Purpose.QUESTION))
        passage = await prefixed(passages("9"))
        assert np.array_equal(question, await embedder(passages("the ferry")))
        assert np.array_equal(passage, await embedder(passages("ferry harbour 9")))


@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:1]])
async def test_a_failure_of_the_model_fails_the_stage_once(
    embedder: Embedder, monkeypatch: pytest.MonkeyPatch, texts: tuple[str, ...]
) -> None:
    def fail(_model: OnnxModel, _texts: Sequence[str]) -> NDArray[np.float32]:
        raise ModelFailed("secret of the library")

    monkeypatch.setattr(OnnxModel, "embed", fail)
    with pytest.raises(StageFailed) as failed:
        await embedder(passages(*texts))
    assert "secret" not in failed.value.message
    assert isinstance(failed.value.__cause__, ModelFailed)


async def test_a_cancelled_request_stops_soon(
    embedder: Embedder, host: MemoryHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, go = [], threading.Event()

    def wait(_model: OnnxModel, texts: Sequence[str]) -> NDArray[np.float32]:
        calls.append(len(texts))
        go.wait(10)
        return np.zeros((len(texts), 64), np.float32)

    monkeypatch.setattr(OnnxModel, "embed", wait)
    running = asyncio.create_task(embedder(passages(*TEXTS)))
    while len(calls) < host.bulk.threads:
        await asyncio.sleep(0.001)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    go.set()
    await host.bulk.run(lambda: None)
    assert len(calls) == host.bulk.threads


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model": "absent"}, "ragstone models pull"),
        ({"model": "tiny", "max_tokens": 97}, "3 to 96"),
        ({"model": "tiny", "passage_prefix": "ferry " * 50}, "shorten them"),
    ],
)
async def test_a_model_that_cannot_serve_refuses_the_start(
    host: MemoryHost, settings: dict[str, object], said: str
) -> None:
    with pytest.raises(StartError, match=said):
        async with PROVIDER.open(OnnxEmbedderSettings.model_validate(settings), host):
            pass


def test_settings_are_strict_and_described() -> None:
    with pytest.raises(ValidationError):
        OnnxEmbedderSettings.model_validate({"modle": "tiny"})
    assert all(field.description for field in OnnxEmbedderSettings.model_fields.values())
    assert [provider.name for provider in ragstone_embedders()] == ["onnx"]


def test_offering_it_loads_no_library() -> None:
    check = (
        "import sys, ragstone_plugins.onnx.plugin, ragstone_plugins.onnx.embedder, ragstone_plugins.onnx.fetch\n"
        "loaded = {'onnx', 'onnxruntime', 'tokenizers', 'safetensors', 'huggingface_hub'} & sys.modules.keys()\n"
        "sys.exit(' '.join(loaded) or None)"
    )
    path = [str(Path(OnnxEmbedder.__init__.__code__.co_filename).parents[2]), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}\n{check}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

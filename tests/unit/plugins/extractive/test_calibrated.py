"""With the embedder of the calibration; `make models` puts it where it is looked for."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ragstone_plugins.extractive.plugin import open_extractive
from ragstone_plugins.extractive.probes import is_calibrated_for
from ragstone_plugins.extractive.scoring import calibration
from ragstone_plugins.extractive.settings import ExtractiveSettings
from ragstone_plugins.onnx.model import OnnxModel
from ragstone_server.spi.embedder import Embedder, EmbedRequest
from ragstone_server.spi.evidence import NumberedPassage
from ragstone_server.spi.generator import Finished, FinishReason, Generator
from ragstone_server.testing.conformance.generator import answer_text, collect, generate_request, numbered
from ragstone_server.testing.memory.embedder import MemoryEmbedder
from ragstone_server.testing.memory.host import MemoryHost
from tests.models import MODELS

MODEL = MODELS / "all-minilm-l6-v2"

HARBOUR = "# Harbour\n\nThe harbour of Nordvik was opened in 1911. It has three piers and a lighthouse."
TRAVEL = "# Travel policy\n\nEmployees travel second class by rail. Flights need the consent of the head of department."
CANTEEN = "# Canteen\n\nThe canteen opens at 11:30. Coffee costs 1.20 euros."
PASSWORDS = "# Passwords\n\nA password has at least 14 characters and is changed every year."


class ModelEmbedder(MemoryEmbedder):
    def __init__(self, model: OnnxModel) -> None:
        super().__init__()
        self._model = model

    async def __call__(self, request: EmbedRequest, /) -> NDArray[np.float32]:
        return await asyncio.to_thread(self._model.embed, request.texts)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return ModelEmbedder(OnnxModel.open(MODEL))


@pytest.fixture
async def generator(tmp_path: Path, embedder: Embedder) -> AsyncIterator[Generator]:
    async with (
        MemoryHost(tmp_path, tmp_path, {"embedder": embedder}) as host,
        open_extractive(ExtractiveSettings(), host) as generator,
    ):
        yield generator


def evidence(*texts: str) -> tuple[NumberedPassage, ...]:
    return tuple(
        numbered(number, text, title=text.splitlines()[0].removeprefix("# ")) for number, text in enumerate(texts, 1)
    )


async def test_the_embedder_of_the_calibration_is_known(embedder: Embedder) -> None:
    assert await is_calibrated_for(embedder, calibration().probes)


@pytest.mark.parametrize("texts", [(HARBOUR,), (HARBOUR, TRAVEL, CANTEEN, PASSWORDS), (TRAVEL, HARBOUR)])
async def test_answers_from_small_evidence(generator: Generator, texts: tuple[str, ...]) -> None:
    events = await collect(generator, generate_request("When was the harbour of Nordvik opened?", *evidence(*texts)))
    assert "The harbour of Nordvik was opened in 1911." in answer_text(events)


@pytest.mark.parametrize("texts", [(HARBOUR,), (HARBOUR, TRAVEL, CANTEEN, PASSWORDS), (TRAVEL, CANTEEN)])
@pytest.mark.parametrize(
    "question",
    [
        "Who composed the opera about the moon of Zarmina?",
        "What is the chief executive's salary?",
        "How do I reset the thermostat?",
    ],
)
async def test_p7_abstains_off_the_topic(generator: Generator, question: str, texts: tuple[str, ...]) -> None:
    (end,) = await collect(generator, generate_request(question, *evidence(*texts)))
    assert isinstance(end, Finished)
    assert end.finish_reason is FinishReason.ABSTAINED

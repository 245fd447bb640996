"""A cross-encoder of a model directory, and all that may be wrong with one."""

import shutil
from pathlib import Path

import onnx
import pytest

from ragstone_plugins.onnx.cross_encoder import CrossEncoder
from ragstone_plugins.onnx.plugin import RERANKER, OnnxRerankerSettings
from ragstone_server.spi.errors import StartError
from ragstone_server.spi.reranker import RerankRequest
from ragstone_server.testing.conformance.samples import CONTEXT, scored
from ragstone_server.testing.memory.host import MemoryHost
from tests.cross_encoders import INPUTS, write

QUESTION = "When does the ferry leave Nordvik?"
RIGHT, WRONG = "The ferry leaves Nordvik at nine.", "Invoices are paid within thirty days."


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("models") / "cross")


@pytest.fixture(scope="module")
def model(directory: Path) -> CrossEncoder:
    return CrossEncoder.open(directory)


def test_what_answers_scores_higher(model: CrossEncoder) -> None:
    right, wrong = model.scores(QUESTION, [RIGHT, WRONG])
    assert 0 < wrong < 0.5 < right < 1


def test_a_score_does_not_depend_on_what_stands_beside_it(model: CrossEncoder) -> None:
    alone = [model.scores(QUESTION, [text])[0] for text in (RIGHT, WRONG, "word " * 2000)]
    assert model.scores(QUESTION, [RIGHT, WRONG, "word " * 2000]) == alone


def test_two_labels_are_read_as_not_and_relevant(tmp_path: Path, model: CrossEncoder) -> None:
    two = CrossEncoder.open(write(tmp_path, outputs=2, folder="onnx"))
    assert two.scores(QUESTION, [RIGHT, WRONG]) == pytest.approx(model.scores(QUESTION, [RIGHT, WRONG]), abs=1e-6)


def test_the_passage_is_cut_and_of_the_question_what_exceeds_half(directory: Path) -> None:
    short = CrossEncoder.open(directory, 32)
    assert short.scores(QUESTION, [f"{RIGHT} {WRONG * 50}"]) == short.scores(QUESTION, [f"{RIGHT} {WRONG * 20}"])
    long_question = QUESTION + " why" * 500
    right, wrong = short.scores(long_question, [RIGHT, WRONG])
    assert right > wrong


@pytest.mark.parametrize("text", ["", " ", "\ud800", "\x00", "神戸港" * 400])
def test_any_text_has_a_score(model: CrossEncoder, text: str) -> None:
    assert 0 <= model.scores(text, [RIGHT])[0] <= 1
    assert 0 <= model.scores(QUESTION, [text])[0] <= 1


async def refused(models: Path, settings: OnnxRerankerSettings) -> str:
    """Why the server does not start."""
    async with MemoryHost(models, models) as host:
        with pytest.raises(StartError) as error:
            async with RERANKER.open(settings, host):
                pass
    return error.value.message


async def test_what_is_missing_or_wrong_is_told_at_the_start(tmp_path: Path, directory: Path) -> None:
    def named(name: str) -> OnnxRerankerSettings:
        return OnnxRerankerSettings(model=name)

    assert "set model" in await refused(tmp_path, OnnxRerankerSettings())
    assert "There is no reranking model" in await refused(tmp_path, named("absent"))
    (tmp_path / "empty").mkdir()
    assert "tokenizer.json" in await refused(tmp_path, named("empty"))
    (tmp_path / "graphless").mkdir()
    shutil.copy(directory / "tokenizer.json", tmp_path / "graphless")
    assert "holds no model.onnx" in await refused(tmp_path, named("graphless"))
    (tmp_path / "graphless" / "model.onnx").write_bytes(b"no graph")
    assert "cannot be loaded" in await refused(tmp_path, named("graphless"))
    write(tmp_path / "torn")
    (tmp_path / "torn" / "tokenizer.json").write_text("{}")
    assert "cannot be read as a tokenizer" in await refused(tmp_path, named("torn"))
    write(tmp_path / "classifier", outputs=5)
    assert "one or two numbers" in await refused(tmp_path, named("classifier"))
    other = write(tmp_path / "other", inputs=(*INPUTS, "pixels"))
    assert "The graph takes" in await refused(tmp_path, named("other"))
    assert onnx.load(other / "model.onnx").graph.input[-1].name == "pixels"


async def test_equal_scores_stay_in_their_order(tmp_path: Path, directory: Path) -> None:
    settings = OnnxRerankerSettings(model=str(directory))
    async with MemoryHost(tmp_path, tmp_path) as host, RERANKER.open(settings, host) as reranker:
        passages = tuple(scored(i, text) for i, text in enumerate([WRONG, RIGHT] * 10, 1))
        ranking = await reranker(RerankRequest(context=CONTEXT, question=QUESTION, passages=passages))
    assert [place.index for place in ranking] == [*range(1, 20, 2), *range(0, 20, 2)]

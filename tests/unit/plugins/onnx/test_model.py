"""Texts in, vectors out, from our own model directories and from those of others."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from ragstone_plugins.onnx.encoder import Encoder
from ragstone_plugins.onnx.errors import ModelDamaged, ModelFailed, ModelNotFound, ModelUnsupported
from ragstone_plugins.onnx.model import OnnxModel
from ragstone_plugins.onnx.pooling import Pooling, normalise, pool
from tests.unit.plugins.onnx import foreign

TEXTS = ("the ferry", "", "harbour " * 90, "the harbour, the ferry", "?")


def test_rows_belong_to_their_texts_and_have_length_one(tiny_model: Path) -> None:
    model = OnnxModel.open(tiny_model)
    vectors = model.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), 64)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.array_equal(vectors[::-1], model.embed(TEXTS[::-1]))
    assert model.embed(()).shape == (0, 64)


def test_a_text_has_the_same_vector_whatever_stands_beside_it(real: OnnxModel) -> None:
    together = real.embed(TEXTS)
    with ThreadPoolExecutor(2) as threads:
        alone = np.concatenate(list(threads.map(lambda text: real.embed([text]), TEXTS)))
    assert np.array_equal(together, alone)


def test_the_real_model_knows_what_is_alike(real: OnnxModel) -> None:
    question, answer, other = real.embed(
        ["How do I get my money back?", "Refunds are paid within 14 days.", "The harbour was dredged in 1911."]
    )
    assert question @ answer > 0.3 > question @ other


def test_more_tokens_can_be_read_and_then_the_vectors_are_others(tiny_model: Path) -> None:
    model, longer = OnnxModel.open(tiny_model), OnnxModel.open(tiny_model, max_tokens=96)
    head = "ferry " * 50
    assert np.array_equal(*model.embed([head + "harbour", head + "the"]))
    assert not np.array_equal(*longer.embed([head + "harbour", head + "the"]))
    assert model.manifest.fingerprint != longer.manifest.fingerprint
    assert OnnxModel.open(tiny_model, max_tokens=48).manifest == model.manifest
    with pytest.raises(ModelUnsupported, match="3 to 96"):
        OnnxModel.open(tiny_model, max_tokens=97)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_changed_byte_is_noticed(tiny_model: Path, tmp_path: Path, name: str) -> None:
    for file in tiny_model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelDamaged, match=name):
        OnnxModel.open(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ModelDamaged, match="is missing"):
        OnnxModel.open(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 2}', '{"format": 1, "files": {}}'])
def test_a_manifest_that_is_none_is_refused(tiny_model: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(ModelDamaged, match=r"model\.json"):
        OnnxModel.open(tmp_path)


def test_no_model_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="ragstone models pull"):
        OnnxModel.open(tmp_path / "absent")
    with pytest.raises(ModelNotFound, match=r"tokenizer\.json"):
        OnnxModel.open(tmp_path)


@pytest.mark.parametrize(
    "inputs", [("input_ids",), ("input_ids", "attention_mask"), ("input_ids", "attention_mask", "token_type_ids")]
)
@pytest.mark.parametrize("integer", [TensorProto.INT64, TensorProto.INT32])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_vectors_of_tokens_are_pooled_as_the_model_says(
    tmp_path: Path, inputs: tuple[str, ...], integer: int, pooling: str
) -> None:
    directory = foreign.write(tmp_path / "foreign", foreign.graph(inputs=inputs, integer=integer), pooling=pooling)
    model = OnnxModel.open(directory)
    tokens = foreign.table()[[2, 84, 82, 3]]
    expected = tokens.mean(axis=0) if pooling == "mean" else tokens[0]
    assert np.allclose(model.embed(["the ferry"])[0], expected / np.linalg.norm(expected), atol=1e-6)
    assert (model.manifest.dimension, model.manifest.max_tokens) == (foreign.DIMENSION, 48)


@pytest.mark.parametrize("at", ["model.onnx", "onnx/model.onnx", "model_quantized.onnx", "onnx/model_quantized.onnx"])
def test_the_vector_of_the_text_is_taken_as_it_is(tmp_path: Path, at: str) -> None:
    model = OnnxModel.open(foreign.write(tmp_path / "foreign", foreign.graph(sentence=True), at=at))
    expected = foreign.table()[[2, 84, 82, 3]].max(axis=0)
    assert np.allclose(model.embed(["the ferry"])[0], expected / np.linalg.norm(expected), atol=1e-6)
    assert model.manifest.graph_file == at


def test_the_fingerprint_of_a_foreign_model_follows_its_files(tmp_path: Path) -> None:
    first = OnnxModel.open(foreign.write(tmp_path / "a", foreign.graph())).manifest.fingerprint
    same = OnnxModel.open(foreign.write(tmp_path / "b", foreign.graph())).manifest.fingerprint
    other = OnnxModel.open(foreign.write(tmp_path / "c", foreign.graph(sentence=True))).manifest.fingerprint
    pooled = OnnxModel.open(foreign.write(tmp_path / "d", foreign.graph(), pooling="cls")).manifest.fingerprint
    assert first == same
    assert len({first, other, pooled}) == 3


def test_what_cannot_be_served_is_refused(tmp_path: Path) -> None:
    pixels = foreign.write(tmp_path / "pixels", foreign.graph(inputs=("input_ids", "pixel_values")))
    with pytest.raises(ModelUnsupported, match="pixel_values"):
        OnnxModel.open(pixels)
    dense = foreign.write(tmp_path / "dense", foreign.graph())
    (dense / "modules.json").write_text(json.dumps([{"type": "sentence_transformers.models.Dense"}]))
    with pytest.raises(ModelUnsupported, match="Dense"):
        OnnxModel.open(dense)
    broken = foreign.write(tmp_path / "broken", b"no graph")
    with pytest.raises(ModelDamaged, match="cannot be loaded"):
        OnnxModel.open(broken)


def test_prompts_and_limits_are_read_from_the_published_files(tmp_path: Path) -> None:
    directory = foreign.write(tmp_path / "foreign", foreign.graph())
    prompts = {"query": "query: ", "document": "passage: "}
    (directory / "config_sentence_transformers.json").write_text(json.dumps({"prompts": prompts}))
    (directory / "sentence_bert_config.json").unlink()
    (directory / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 1e30}))
    manifest = OnnxModel.open(directory).manifest
    assert (manifest.question_prefix, manifest.passage_prefix, manifest.max_tokens) == ("query: ", "passage: ", 96)


def test_a_vector_that_is_not_finite_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = foreign.table() * np.float32(np.inf)
    monkeypatch.setattr(foreign, "table", lambda: np.vstack([np.ones_like(endless[:1]), endless[1:]]))
    model = OnnxModel.open(foreign.write(tmp_path / "foreign", foreign.graph()))
    with pytest.raises(ModelFailed, match="not finite"):
        model.embed(["the ferry"])


def test_a_graph_that_fails_is_an_error() -> None:
    encoder = Encoder.open(foreign.graph(), Pooling.MEAN)
    with pytest.raises(ModelFailed, match="1 tokens"):
        encoder.encode(np.array([[10**6]]))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"pooling_mode": "lasttoken"}, Pooling.LAST),
        ({"pooling_mode_mean_sqrt_len_tokens": True, "pooling_mode_cls_token": False}, Pooling.MEAN),
        ({"pooling_mode_max_tokens": True, "word_embedding_dimension": 8}, Pooling.MAX),
        ({"pooling_mode": "weightedmean"}, None),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}, None),
        ({"pooling_mode_mean_tokens": False}, None),
    ],
)
def test_pooling_is_read_in_both_its_forms(config: dict[str, object], expected: Pooling | None) -> None:
    if expected is None:
        with pytest.raises(ModelUnsupported):
            Pooling.from_config(config)
    else:
        assert Pooling.from_config(config) is expected


def test_pooling_and_a_vector_of_zeros() -> None:
    tokens = np.array([[[1, 5], [3, 1]]], np.float32)
    assert {p: pool(tokens, p).tolist() for p in Pooling} == {
        Pooling.CLS: [[1, 5]], Pooling.MEAN: [[2, 3]], Pooling.MAX: [[3, 5]], Pooling.LAST: [[3, 1]],
    }  # fmt: skip
    assert normalise(np.zeros((1, 3), np.float32)).tolist() == [[1, 0, 0]]

"""The graphs compute what the checkpoint says."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from ragstone_plugins.onnx.bert import BertShape, bert_graph
from ragstone_plugins.onnx.encoder import Encoder
from ragstone_plugins.onnx.errors import ModelDamaged, ModelUnsupported
from ragstone_plugins.onnx.graph_writer import GraphKind, quantise
from ragstone_plugins.onnx.pooling import Pooling
from ragstone_plugins.onnx.tokenizer import TextTokenizer
from tests.unit.plugins.onnx import numpy_bert, tiny

TEXTS = (
    "When does the ferry leave the harbour?",
    "The committee approved a budget of 4.2 million for 2025, up 7 % on the year before. " * 3,
    "Ünïcödé, 日本語 and emoji 🚢.",
)
LEAST_COSINE = {GraphKind.FP32: 0.9999, GraphKind.INT8: 0.98}
"""Texts of one or two tokens can fall below that in int8: to 0.96."""


@pytest.mark.parametrize("kind", list(GraphKind))
@pytest.mark.parametrize("pooling", [Pooling.MEAN, Pooling.CLS])
@pytest.mark.parametrize("activation", ["gelu", "gelu_new"])
def test_a_graph_agrees_with_numpy(kind: GraphKind, pooling: Pooling, activation: str) -> None:
    config, weights = tiny.CONFIG | {"hidden_act": activation}, tiny.weights()
    encoder = Encoder.open(bert_graph(weights, BertShape.from_config(config), pooling, kind), pooling)
    for length in (1, 2, 17, 96):
        ids = np.random.default_rng(length).integers(4, len(tiny.VOCABULARY), length)
        expected = numpy_bert.sentence(weights, config, ids.tolist(), pooling)
        assert encoder.encode(ids[None]) @ expected > LEAST_COSINE[kind]


@pytest.mark.parametrize("kind", list(GraphKind))
def test_the_real_graph_agrees_with_numpy(kind: GraphKind, real_checkpoint: Path) -> None:
    config = json.loads((real_checkpoint / "config.json").read_text())
    weights = load_file(real_checkpoint / "model.safetensors")
    encoder = Encoder.open(bert_graph(weights, BertShape.from_config(config), Pooling.MEAN, kind), Pooling.MEAN)
    for ids in TextTokenizer.read(real_checkpoint / "tokenizer.json", 256).ids(TEXTS):
        expected = numpy_bert.sentence(weights, config, ids[0].tolist(), "mean")
        assert encoder.encode(ids) @ expected > LEAST_COSINE[kind]


def test_weights_with_the_prefix_of_a_larger_model_are_found() -> None:
    weights = {f"bert.{name}": array for name, array in tiny.weights().items()}
    shape = BertShape.from_config(tiny.CONFIG)
    assert bert_graph(weights, shape, Pooling.MEAN, GraphKind.FP32) == bert_graph(
        tiny.weights(), shape, Pooling.MEAN, GraphKind.FP32
    )


def test_the_same_weights_give_the_same_bytes() -> None:
    shape = BertShape.from_config(tiny.CONFIG)
    first, second = (bert_graph(tiny.weights(), shape, Pooling.MEAN, GraphKind.INT8) for _ in range(2))
    assert first == second


def test_a_missing_weight_is_named() -> None:
    weights = tiny.weights()
    del weights["encoder.layer.1.output.dense.bias"]
    with pytest.raises(ModelDamaged, match=r"encoder\.layer\.1\.output\.dense\.bias"):
        bert_graph(weights, BertShape.from_config(tiny.CONFIG), Pooling.MEAN, GraphKind.FP32)


@pytest.mark.parametrize(
    "change", [{"model_type": "roberta"}, {"position_embedding_type": "relative_key"}, {"hidden_act": "relu"}]
)
def test_another_architecture_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(ModelUnsupported):
        BertShape.from_config(tiny.CONFIG | change)


def test_weights_take_seven_bits_so_that_no_cpu_saturates() -> None:
    weight = np.random.default_rng(1).normal(size=(64, 8)).astype(np.float32)
    whole, scale = quantise(weight, 63, axis=0)
    # Two products of a byte with a weight must fit 16 bits: 2 * 255 * 64 < 32768.
    assert np.abs(whole).max() <= 63
    assert np.abs(whole * scale - weight).max() <= scale.max() / 2 * 1.0001
    assert not quantise(np.zeros((4, 2), np.float32), 63, axis=0)[0].any()

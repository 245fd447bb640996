"""The choice between the graphs."""

import time
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.onnx.choose import choose
from ragstone_plugins.onnx.encoder import Encoder
from ragstone_plugins.onnx.fetch import pull
from ragstone_plugins.onnx.graph_writer import GraphKind


class Pretended:
    """An encoder of a known speed and direction."""

    def __init__(self, seconds: float, vector: tuple[float, float]) -> None:
        self.seconds, self.vector = seconds, np.array(vector, np.float32)

    def encode(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        time.sleep(self.seconds if ids.shape[1] == 128 else 0)
        return self.vector


def chosen(int8: Pretended, fp32: Pretended) -> GraphKind:
    encoders = {GraphKind.INT8: cast(Encoder, int8), GraphKind.FP32: cast(Encoder, fp32)}
    choice = choose(encoders, [np.ones((1, 9), np.int64)], 128)
    assert "times the speed of fp32" in choice.reason
    return choice.kind


def test_int8_is_kept_where_it_is_faster() -> None:
    assert chosen(Pretended(0.001, (1, 0)), Pretended(0.004, (1, 0))) is GraphKind.INT8


def test_fp32_is_kept_where_int8_is_clearly_slower() -> None:
    assert chosen(Pretended(0.006, (1, 0)), Pretended(0.002, (1, 0))) is GraphKind.FP32


def test_fp32_is_kept_where_int8_is_far_from_it() -> None:
    assert chosen(Pretended(0.001, (0.97, 0.243)), Pretended(0.004, (1, 0))) is GraphKind.FP32


def test_a_kind_can_be_asked_for_and_is_another_space(tiny_checkpoint: Path, tmp_path: Path) -> None:
    made = {kind: pull(str(tiny_checkpoint), tmp_path / kind, kind=kind) for kind in GraphKind}
    assert {kind: (m.graph, m.graph_reason) for kind, m in made.items()} == {
        kind: (kind, "asked for") for kind in GraphKind
    }
    assert made[GraphKind.INT8].fingerprint != made[GraphKind.FP32].fingerprint
    again = pull(str(tiny_checkpoint), tmp_path / "other name", kind=GraphKind.INT8)
    assert again.fingerprint == made[GraphKind.INT8].fingerprint

"""int8 or fp32: decided by a short measurement on the machine that makes the model."""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.onnx.encoder import Encoder
from ragstone_plugins.onnx.graph_writer import GraphKind

_ROUNDS = 15
_LEAST_AGREEMENT = 0.98
"""Cosine of int8 to fp32; all-MiniLM-L6-v2 has 0.994, and loses nothing on SciFact."""
_SLOWER = 1.1
"""int8 may take this much longer before it loses: its graph is a quarter of the size, in the file and in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The kept graph and the reason."""

    kind: GraphKind
    reason: str


def choose(encoders: Mapping[GraphKind, Encoder], texts: Sequence[NDArray[np.int64]], tokens: int) -> Choice:
    """Compare both graphs on the ids (1, t) of some texts: int8 unless it is clearly slower here or far from fp32.

    Timed is a text of so many `tokens`.
    """
    agreement = statistics.fmean(
        float(encoders[GraphKind.INT8].encode(t) @ encoders[GraphKind.FP32].encode(t)) for t in texts
    )
    took = _time(encoders, np.resize(np.concatenate(texts, axis=1), (1, tokens)))
    speed = took[GraphKind.FP32] / took[GraphKind.INT8]
    reason = f"int8 has {speed:.2f} times the speed of fp32 here, and a mean cosine of {agreement:.4f} to it"
    keep = agreement >= _LEAST_AGREEMENT and speed * _SLOWER >= 1
    return Choice(kind=GraphKind.INT8 if keep else GraphKind.FP32, reason=reason)


def _time(encoders: Mapping[GraphKind, Encoder], ids: NDArray[np.int64]) -> dict[GraphKind, float]:
    """Median seconds for one text. The graphs take turns, so that other work on the machine slows both alike."""
    took: dict[GraphKind, list[float]] = {kind: [] for kind in encoders}
    for _ in range(_ROUNDS):
        for kind, encoder in encoders.items():
            start = time.perf_counter()
            encoder.encode(ids)
            took[kind].append(time.perf_counter() - start)
    return {kind: statistics.median(times) for kind, times in took.items()}

"""BERT in plain numpy, from the paper: what the ONNX graphs are compared with."""

from collections.abc import Mapping
from math import erf
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


def sentence(weights: Mapping[str, NDArray[Any]], config: Mapping[str, Any], ids: list[int], pooling: str) -> Array:
    """The vector of length 1 of one text."""
    w = {name: array.astype(np.float64) for name, array in weights.items()}
    e, epsilon = "embeddings.", config["layer_norm_eps"]
    x = w[e + "word_embeddings.weight"][ids] + w[e + "position_embeddings.weight"][: len(ids)]
    x = norm(x + w[e + "token_type_embeddings.weight"][0], w, e + "LayerNorm", epsilon)
    for number in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{number}."
        attended = dense(
            attention(x, w, name + "attention.self.", config["num_attention_heads"]), w, name + "attention.output.dense"
        )
        x = norm(x + attended, w, name + "attention.output.LayerNorm", epsilon)
        inner = gelu(dense(x, w, name + "intermediate.dense"), config["hidden_act"])
        x = norm(x + dense(inner, w, name + "output.dense"), w, name + "output.LayerNorm", epsilon)
    pooled = x.mean(axis=0) if pooling == "mean" else x[0]
    return np.asarray(pooled / np.linalg.norm(pooled))


def dense(x: Array, w: Mapping[str, Array], name: str) -> Array:
    return np.asarray(x @ w[name + ".weight"].T + w[name + ".bias"])


def norm(x: Array, w: Mapping[str, Array], name: str, epsilon: float) -> Array:
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    return np.asarray((x - mean) / np.sqrt(variance + epsilon) * w[name + ".weight"] + w[name + ".bias"])


def gelu(x: Array, kind: str) -> Array:
    if kind == "gelu_new":
        return np.asarray(0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))))
    return np.asarray(0.5 * x * (1 + np.vectorize(erf)(x / np.sqrt(2))))


def attention(x: Array, w: Mapping[str, Array], name: str, heads: int) -> Array:
    length, hidden = x.shape
    q, k, v = (
        dense(x, w, name + part).reshape(length, heads, hidden // heads).transpose(1, 0, 2)
        for part in ("query", "key", "value")
    )
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(hidden // heads)
    share = np.exp(scores - scores.max(axis=-1, keepdims=True))
    share /= share.sum(axis=-1, keepdims=True)
    return np.asarray((share @ v).transpose(1, 0, 2).reshape(length, hidden))

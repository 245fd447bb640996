"""BERT sentence encoders (Devlin et al. 2018) as ONNX graphs: the checkpoint's arrays go in, one graph comes out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.onnx.errors import ModelDamaged, ModelUnsupported
from ragstone_plugins.onnx.graph_writer import GraphKind, GraphWriter
from ragstone_plugins.onnx.pooling import Pooling

INPUT = "input_ids"
OUTPUT = "sentence_embedding"
_EXACT_GELU = {"gelu": True, "gelu_new": False, "gelu_pytorch_tanh": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class BertShape:
    """What the graph needs to know beside the weights."""

    layers: int
    heads: int
    hidden: int
    """Dimension of a token's vector, and of the text's."""
    positions: int
    """The most tokens that a text can have."""
    epsilon: float
    """Of the layer normalisations."""
    exact_gelu: bool
    """Whether GELU is the real one, or the approximation by tanh."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Read the `config.json` of a checkpoint in the form of transformers.

        Raises:
            ModelUnsupported: another architecture than BERT with absolute positions and GELU.
        """
        if config.get("model_type") != "bert":
            raise ModelUnsupported(
                f"A graph is built for BERT only, not for {config.get('model_type')!r}; give its ONNX."
            )
        positions, activation = config.get("position_embedding_type", "absolute"), config.get("hidden_act", "gelu")
        if positions != "absolute" or activation not in _EXACT_GELU:
            raise ModelUnsupported(f"BERT with {positions} positions and {activation} is not built; give its ONNX.")
        return cls(
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            hidden=config["hidden_size"],
            positions=config["max_position_embeddings"],
            epsilon=config.get("layer_norm_eps", 1e-12),
            exact_gelu=_EXACT_GELU[activation],
        )


def bert_graph(weights: Mapping[str, NDArray[Any]], shape: BertShape, pooling: Pooling, kind: GraphKind) -> bytes:
    """The ONNX model from token ids int32 (b, t), without padding, to vectors float32 (b, hidden) of length 1.

    Texts of one call have the same number of tokens, so there is no mask. `weights` are named as in the checkpoint.

    Raises:
        ModelDamaged: a weight is missing.
        ModelUnsupported: a pooling that the graph has no node for.
    """
    weight = _Weights(weights)
    graph = GraphWriter(kind)
    x = _embeddings(graph, weight, shape)
    for number in range(shape.layers):
        x = _layer(graph, weight, f"encoder.layer.{number}", x, shape)
    pooled = _pool(graph, x, pooling)
    graph.node("LpNormalization", [pooled], OUTPUT, axis=-1, p=2)
    return graph.model(INPUT, OUTPUT, shape.hidden)


class _Weights:
    """Arrays of a checkpoint by name, with or without the prefix of the model that it was saved from."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._arrays = {name.removeprefix("bert."): array for name, array in arrays.items()}

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        if name not in self._arrays:
            raise ModelDamaged(f"The checkpoint has no weight {name!r}; get the whole model again.")
        return self._arrays[name].astype(np.float32)

    def matrix(self, name: str) -> NDArray[np.float32]:
        """The weight (out, in) of a linear layer as (in, out)."""
        return self[f"{name}.weight"].T


def _embeddings(graph: GraphWriter, weight: _Weights, shape: BertShape) -> str:
    """Word + position + token type, normalised. One text has one token type, so its row goes into the positions."""
    words = graph.embedding("words", INPUT, weight["embeddings.word_embeddings.weight"])
    table = weight["embeddings.position_embeddings.weight"] + weight["embeddings.token_type_embeddings.weight"][0]
    placed = graph.add("placed", words, graph.positions("positions", INPUT, table))
    return _norm(graph, weight, "embeddings.LayerNorm", placed, shape)


def _layer(graph: GraphWriter, weight: _Weights, name: str, x: str, shape: BertShape) -> str:
    """Attention and feed-forward, each added to its input and normalised after."""
    parts = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
    matrix = np.concatenate([weight.matrix(part) for part in parts], axis=1)
    bias = np.concatenate([weight[f"{part}.bias"] for part in parts])
    attended = graph.attention(f"{name}.attention", x, matrix, bias, shape.heads)
    y = _dense(graph, weight, f"{name}.attention.output.dense", attended)
    x = _norm(graph, weight, f"{name}.attention.output.LayerNorm", graph.add(f"{name}.attended", y, x), shape)

    inner = graph.dense(f"{name}.intermediate.dense", x, weight.matrix(f"{name}.intermediate.dense"))
    inner = graph.gelu(f"{name}.intermediate", inner, weight[f"{name}.intermediate.dense.bias"], exact=shape.exact_gelu)
    y = _dense(graph, weight, f"{name}.output.dense", inner)
    return _norm(graph, weight, f"{name}.output.LayerNorm", graph.add(f"{name}.fed", y, x), shape)


def _dense(graph: GraphWriter, weight: _Weights, name: str, x: str) -> str:
    return graph.dense(name, x, weight.matrix(name), weight[f"{name}.bias"])


def _norm(graph: GraphWriter, weight: _Weights, name: str, x: str, shape: BertShape) -> str:
    return graph.layer_norm(name, x, weight[f"{name}.weight"], weight[f"{name}.bias"], shape.epsilon)


def _pool(graph: GraphWriter, x: str, pooling: Pooling) -> str:
    match pooling:
        case Pooling.MEAN:
            return graph.node("ReduceMean", [x], "pooled", axes=[1], keepdims=0)
        case Pooling.CLS:
            return graph.node("Gather", [x, graph.constant("first", np.int64(0))], "pooled", axis=1)
        case _:
            raise ModelUnsupported(f"A graph with {pooling} pooling is not built; give the model's ONNX.")

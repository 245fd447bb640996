"""A cross-encoder in a directory of its own, for tests: each word of a question looks for its like in the passage.

No trained one can be had from a package index. This one has the layout, the inputs and the outputs of a published model, the real
tokenizer and the real word vectors of all-MiniLM-L6-v2, and scores that mean something: the mean of the best cosines.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.models import MODELS

SOURCE = MODELS / "all-minilm-l6-v2"
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def write(directory: Path, *, outputs: int = 1, folder: str = "", inputs: tuple[str, ...] = INPUTS) -> Path:
    """Write `tokenizer.json`, `config.json` and `model.onnx`, which puts out so many numbers a pair."""
    graph = directory / folder / "model.onnx"
    graph.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(SOURCE / "tokenizer.json", directory)
    (directory / "config.json").write_text(json.dumps({"model_type": "bert", "max_position_embeddings": 512}))
    onnx.save(_model(outputs, inputs), graph)
    return directory


def _model(outputs: int, inputs: tuple[str, ...]) -> onnx.ModelProto:
    source = {each.name: each for each in onnx.load(SOURCE / "model.onnx").graph.initializer}
    constants = {
        "none": np.array(0, np.int64),
        "far": np.array(-1, np.float32),
        "first": np.array([0], np.int64),
        "slope": np.array(8, np.float32),
        "middle": np.array(0.6, np.float32),
        "sides": np.array(
            [[1.0]] if outputs == 1 else [[-0.5, 0.5]] if outputs == 2 else [[1.0] * outputs], np.float32
        ),
    }
    steps = [
        ("Gather", ["words.table", "input_ids"], "codes", {}),
        ("Cast", ["codes"], "levels", {"to": TensorProto.FLOAT}),
        ("Gather", ["words.scale", "input_ids"], "scales", {}),
        ("Mul", ["levels", "scales"], "vectors", {}),
        ("LpNormalization", ["vectors"], "unit", {"axis": -1, "p": 2}),
        ("Transpose", ["unit"], "turned", {"perm": [0, 2, 1]}),
        ("MatMul", ["unit", "turned"], "cosines", {}),
        ("Cast", ["token_type_ids"], "passage", {"to": TensorProto.BOOL}),
        ("Not", ["passage"], "question", {}),
        ("Unsqueeze", ["passage", "one"], "columns", {}),
        ("Where", ["columns", "cosines", "far"], "seen", {}),
        ("ReduceMax", ["seen"], "best", {"axes": [2], "keepdims": 0}),
        ("Cast", ["question"], "weights", {"to": TensorProto.FLOAT}),
        ("Mul", ["best", "weights"], "weighted", {}),
        ("ReduceSum", ["weighted", "one"], "sum", {"keepdims": 1}),
        ("ReduceSum", ["weights", "one"], "number", {"keepdims": 1}),
        ("Div", ["sum", "number"], "mean", {}),
        ("Sub", ["mean", "middle"], "over", {}),
        ("Mul", ["over", "slope"], "margin", {}),
        ("MatMul", ["margin", "sides"], "logits", {}),
    ]
    constants["one"] = np.array([1], np.int64)
    nodes = [helper.make_node(kind, names, [out], **how) for kind, names, out, how in steps]
    graph = helper.make_graph(
        nodes,
        "cross-encoder",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["pairs", "tokens"]) for name in inputs],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["pairs", outputs])],
        [
            *(source[name] for name in ("words.table", "words.scale")),
            *(numpy_helper.from_array(value, name) for name, value in constants.items()),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

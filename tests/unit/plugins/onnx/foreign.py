"""ONNX graphs as other people export them: vectors of tokens or of the text, from inputs of their own types."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tests.unit.plugins.onnx import tiny

DIMENSION = 8


def table() -> np.ndarray:
    """The vector of each token."""
    return np.random.default_rng(3).normal(size=(len(tiny.VOCABULARY), DIMENSION)).astype(np.float32)


def graph(
    *, sentence: bool = False, inputs: tuple[str, ...] = ("input_ids",), integer: int = TensorProto.INT64
) -> bytes:
    """A model that looks up each token, times the sum of its mask and token type, which must be one."""
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["looked_up"])]
    if len(inputs) > 1:
        nodes.append(
            helper.make_node("Sum", ["looked_up", *(f"{name}_3" for name in inputs[1:])], ["last_hidden_state"])
        )
        for name, constant in zip(inputs[1:], (-1.0, 0.0), strict=False):
            nodes.insert(0, helper.make_node("Unsqueeze", [f"{name}_off", "last"], [f"{name}_3"]))
            nodes.insert(0, helper.make_node("Add", [f"{name}_float", f"{constant}"], [f"{name}_off"]))
            nodes.insert(0, helper.make_node("Cast", [name], [f"{name}_float"], to=TensorProto.FLOAT))
    else:
        nodes.append(helper.make_node("Identity", ["looked_up"], ["last_hidden_state"]))
    outputs = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["b", "t", DIMENSION])]
    if sentence:
        nodes.append(helper.make_node("ReduceMax", ["last_hidden_state"], ["sentence_embedding"], axes=[1], keepdims=0))
        outputs.append(helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["b", DIMENSION]))
    constants = {"table": table(), "last": np.array([2]), "-1.0": np.float32(-1), "0.0": np.float32(0)}
    made = helper.make_graph(
        nodes,
        "foreign",
        [helper.make_tensor_value_info(name, integer, ["b", "t"]) for name in inputs],
        outputs,
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def write(directory: Path, content: bytes, *, pooling: str = "mean", at: str = "onnx/model.onnx") -> Path:
    """A directory with this graph and no checkpoint; returns it."""
    tiny.write(directory, pooling=pooling)
    (directory / "model.safetensors").unlink()
    (directory / at).parent.mkdir(exist_ok=True)
    (directory / at).write_bytes(content)
    return directory

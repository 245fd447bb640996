"""The layers of a transformer encoder as nodes of an ONNX graph, in the forms that onnxruntime runs fastest on a CPU."""

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

_MICROSOFT = "com.microsoft"
_OPSET = 17
_IR_VERSION = 8
_WEIGHT_LEVELS = 63
"""Weights take 7 bits: on a CPU without VNNI the sum of two products of 8 bits by 8 saturates at 16, and vectors would
depend on the machine that made them. The eighth bit bought nothing on SciFact."""


class GraphKind(StrEnum):
    """In what numbers the graph multiplies matrices."""

    FP32 = "fp32"
    INT8 = "int8"


def quantise(weight: NDArray[np.float32], levels: int, axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round to whole multiples, -levels to levels, of one scale along `axis`; returns (multiples, scales)."""
    scale = np.maximum(np.abs(weight).max(axis=axis, keepdims=True) / levels, np.finfo(np.float32).tiny)
    return np.rint(weight / scale).astype(np.int8), scale.astype(np.float32)


class GraphWriter:
    """Collects nodes and constants; every method adds a layer and returns the name of its output."""

    def __init__(self, kind: GraphKind) -> None:
        self.kind = kind
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}

    def constant(self, name: str, value: Any) -> str:
        """Add a constant, once a name."""
        from onnx import numpy_helper

        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def node(
        self, operator: str, inputs: list[str], output: str, *more: str, domain: str = "", **attributes: Any
    ) -> str:
        """Add an operator with one output or `more`; an empty input is one left out."""
        from onnx import helper

        self._nodes.append(
            helper.make_node(operator, inputs, [output, *more], name=output, domain=domain, **attributes)
        )
        return output

    def embedding(self, name: str, ids: str, table: NDArray[np.float32]) -> str:
        """Rows (b, t, d) of the table (v, d) for ids (b, t); int8 keeps a quarter of its bytes, each row with its scale."""
        if self.kind is GraphKind.FP32:
            return self.node("Gather", [self.constant(f"{name}.table", table), ids], name)
        rows, scales = quantise(table, 127, axis=1)
        row = self.node("Gather", [self.constant(f"{name}.table", rows), ids], f"{name}.row")
        scale = self.node("Gather", [self.constant(f"{name}.scale", scales), ids], f"{name}.row_scale")
        return self.node("Mul", [self.node("Cast", [row], f"{name}.float", to=_float()), scale], name)

    def positions(self, name: str, ids: str, table: NDArray[np.float32]) -> str:
        """The first t rows (t, d) of the table for ids (b, t)."""
        start, axis = self.constant("zero", np.zeros(1, np.int64)), self.constant("axis_0", np.zeros(1, np.int64))
        length = self.node("Shape", [ids], f"{name}.length", start=1, end=2)
        return self.node("Slice", [self.constant(f"{name}.table", table), start, length, axis], name)

    def dense(self, name: str, x: str, weight: NDArray[np.float32], bias: NDArray[np.float32] | None = None) -> str:
        """x @ weight (in, out) + bias; int8 quantises x as it comes and the weight per column."""
        if self.kind is GraphKind.INT8:
            whole, scale = quantise(weight, _WEIGHT_LEVELS, axis=0)
            inputs = [x, self.constant(f"{name}.weight", whole), self.constant(f"{name}.scale", scale[0]), ""]
            inputs += [] if bias is None else [self.constant(f"{name}.bias", bias)]
            return self.node("DynamicQuantizeMatMul", inputs, name, domain=_MICROSOFT)
        product = self.node("MatMul", [x, self.constant(f"{name}.weight", weight)], f"{name}.product")
        return product if bias is None else self.add(name, product, self.constant(f"{name}.bias", bias))

    def attention(self, name: str, x: str, weight: NDArray[np.float32], bias: NDArray[np.float32], heads: int) -> str:
        """Multi-head self-attention over x (b, t, d), without padding; weight (d, 3 d) and bias: query, key and value."""
        offset = self.constant(f"{name}.bias", bias)
        if self.kind is GraphKind.FP32:
            inputs = [x, self.constant(f"{name}.weight", weight), offset]
            return self.node("Attention", inputs, name, domain=_MICROSOFT, num_heads=heads)
        whole, scale = quantise(weight, _WEIGHT_LEVELS, axis=0)
        rounded, x_scale, x_zero = (f"{name}.x", f"{name}.x_scale", f"{name}.x_zero")
        self.node("DynamicQuantizeLinear", [x], rounded, x_scale, x_zero)
        quantised = self.constant(f"{name}.weight", whole)
        scales = self.constant(f"{name}.scale", scale[0])
        zeros = self.constant(f"{name}.zero", np.zeros(weight.shape[1], np.int8))
        inputs = [rounded, quantised, offset, x_scale, scales, "", x_zero, zeros]
        return self.node("QAttention", inputs, name, domain=_MICROSOFT, num_heads=heads)

    def gelu(self, name: str, x: str, bias: NDArray[np.float32], *, exact: bool) -> str:
        """GELU of x + bias: x Φ(x) (Hendrycks and Gimpel 2016), or their approximation of it by tanh."""
        operator = "BiasGelu" if exact else "FastGelu"
        return self.node(operator, [x, self.constant(f"{name}.bias", bias)], name, domain=_MICROSOFT)

    def add(self, name: str, x: str, y: str) -> str:
        """x + y, with broadcasting."""
        return self.node("Add", [x, y], name)

    def layer_norm(
        self, name: str, x: str, gain: NDArray[np.float32], bias: NDArray[np.float32], epsilon: float
    ) -> str:
        """(x - mean) / sqrt(variance + epsilon) * gain + bias over the last axis (Ba et al. 2016).

        In elementary operators, which onnxruntime vectorises: its LayerNormalization and SkipLayerNormalization walk the
        row a number at a time and took 1.7 times as long. The form must stay one that it does not fuse back.
        """
        mean = self.node("ReduceMean", [x], f"{name}.mean", axes=[-1], keepdims=1)
        centred = self.node("Sub", [x, mean], f"{name}.centred")
        square = self.node("Mul", [centred, centred], f"{name}.square")
        variance = self.node("ReduceMean", [square], f"{name}.variance", axes=[-1], keepdims=1)
        padded = self.add(f"{name}.padded", variance, self.constant("epsilon", np.float32(epsilon)))
        inverse = self.node("Reciprocal", [self.node("Sqrt", [padded], f"{name}.deviation")], f"{name}.inverse")
        scaled = self.node("Mul", [centred, inverse], f"{name}.scaled")
        gained = self.node("Mul", [scaled, self.constant(f"{name}.gain", gain)], f"{name}.gained")
        return self.add(name, gained, self.constant(f"{name}.bias", bias))

    def model(self, ids: str, output: str, dimension: int) -> bytes:
        """The graph from int32 ids (b, t) to the float32 output (b, dimension), serialised."""
        from onnx import TensorProto, helper

        graph = helper.make_graph(
            self._nodes,
            "sentence_encoder",
            [helper.make_tensor_value_info(ids, TensorProto.INT32, ["texts", "tokens"])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["texts", dimension])],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="ragstone")
        return bytes(model.SerializeToString())


def _float() -> int:
    """ONNX's number for float32."""
    from onnx import TensorProto

    return int(TensorProto.FLOAT)

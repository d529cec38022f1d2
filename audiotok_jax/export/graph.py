"""ONNX graphs, written as expressions: `Value` has the operators of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET, IR = 20, 9
"""Versions of all graphs, supported since onnxruntime 1.17."""

_TO_END = 2**31 - 1


class Graph:
    """A graph that grows by a node for each operation on its values."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._arrays: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def input(self, name: str, dtype: str, shape: list[str | int]) -> Value:
        """Adds an input; axes of variable length have names."""
        self._inputs.append(helper.make_tensor_value_info(name, _type(dtype), shape))
        return Value(self, name, dtype)

    def output(self, name: str, value: Value, shape: list[str | int]) -> None:
        """Makes a value an output."""
        self._nodes.append(helper.make_node("Identity", [value.name], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, _type(value.dtype), shape))

    def constant(self, array: ArrayLike, dtype: str) -> Value:
        """An array stored in the graph; equal ones are stored once."""
        found = np.asarray(array, dtype)
        key = (dtype, found.shape, found.tobytes())
        if key not in self._known:
            self._known[key] = f"c{len(self._arrays)}"
            self._arrays.append(numpy_helper.from_array(found, self._known[key]))
        return Value(self, self._known[key], dtype)

    def apply(
        self, kind: str, *inputs: Value, dtype: str | None = None, **attributes: Any
    ) -> Value:
        """Adds a node with one output, which has the dtype of the first input by default."""
        name = f"v{len(self._nodes)}"
        names = [value.name for value in inputs]
        self._nodes.append(helper.make_node(kind, names, [name], **attributes))
        return Value(self, name, dtype or inputs[0].dtype)

    def model(self, name: str, about: dict[str, str]) -> onnx.ModelProto:
        """The whole graph, checked."""
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._arrays)
        opset = [helper.make_opsetid("", OPSET)]
        made = helper.make_model(
            graph, producer_name="audiotok_jax", opset_imports=opset, ir_version=IR
        )
        helper.set_model_props(made, about)
        onnx.checker.check_model(made, full_check=True)
        return made


class Value:
    """An array of a graph; the other operand may also be a number or a NumPy array."""

    __array_ufunc__ = None  # so that NumPy leaves operators to this class

    def __init__(self, graph: Graph, name: str, dtype: str) -> None:
        self.graph, self.name, self.dtype = graph, name, dtype

    def __add__(self, other: Any) -> Value:
        return self._with("Add", other)

    __radd__ = __add__

    def __mul__(self, other: Any) -> Value:
        return self._with("Mul", other)

    __rmul__ = __mul__

    def __sub__(self, other: Any) -> Value:
        return self._with("Sub", other)

    def __rsub__(self, other: Any) -> Value:
        return self._constant(other)._with("Sub", self)

    def __truediv__(self, other: Any) -> Value:
        return self._with("Div", other)

    def __rtruediv__(self, other: Any) -> Value:
        return self._constant(other)._with("Div", self)

    def __matmul__(self, other: Any) -> Value:
        return self._with("MatMul", other)

    def __and__(self, other: Any) -> Value:
        return self._with("BitwiseAnd", other)

    def __xor__(self, other: Any) -> Value:
        return self._with("BitwiseXor", other)

    def __gt__(self, other: Any) -> Value:
        return self._with("Greater", other, "bool")

    def __lt__(self, other: Any) -> Value:
        return self._with("Less", other, "bool")

    def minimum(self, other: Any) -> Value:
        """The smaller element of each pair."""
        return self._with("Min", other)

    def maximum(self, other: Any) -> Value:
        """The larger element of each pair."""
        return self._with("Max", other)

    def clip(self, low: float, high: float) -> Value:
        """Limited to bounds."""
        return self.graph.apply("Clip", self, self._constant(low), self._constant(high))

    def map(self, kind: str, **attributes: Any) -> Value:
        """An elementwise operator, such as "Floor"."""
        return self.graph.apply(kind, self, **attributes)

    def cast(self, dtype: str) -> Value:
        """Converted to another dtype."""
        return self.graph.apply("Cast", self, dtype=dtype, to=_type(dtype))

    def sum(self, axis: int = -1, keep: bool = False) -> Value:
        """Sum over an axis."""
        return self._reduce("ReduceSum", axis, keep)

    def max(self, axis: int = -1, keep: bool = False) -> Value:
        """Maximum over an axis."""
        return self._reduce("ReduceMax", axis, keep)

    def reshape(self, *shape: int) -> Value:
        """Reshaped; a length of 0 is kept, and one of -1 inferred."""
        return self.graph.apply("Reshape", self, self.graph.constant(shape, "int64"))

    def part(self, axis: int, start: int, stop: int | None = None, step: int = 1) -> Value:
        """The slice start:stop:step of an axis."""
        bounds = (start, _TO_END if stop is None else stop, axis, step)
        return self.graph.apply(
            "Slice", self, *(self.graph.constant([bound], "int64") for bound in bounds)
        )

    def at(self, places: Value) -> Value:
        """Elements of this vector at integer indices."""
        return self.graph.apply("Gather", self, places.cast("int64"))

    def _with(self, kind: str, other: Any, dtype: str | None = None) -> Value:
        return self.graph.apply(kind, self, self._constant(other), dtype=dtype)

    def _constant(self, other: Any) -> Value:
        return other if isinstance(other, Value) else self.graph.constant(other, self.dtype)

    def _reduce(self, kind: str, axis: int, keep: bool) -> Value:
        axes = self.graph.constant([axis], "int64")
        return self.graph.apply(kind, self, axes, keepdims=int(keep))


def join(parts: list[Value], axis: int = -1) -> Value:
    """Values concatenated along an axis."""
    return parts[0].graph.apply("Concat", *parts, axis=axis)


def choose(condition: Value | NDArray[np.bool_], one: Any, other: Value) -> Value:
    """Elements of `one` where a condition is true, else of `other`."""
    graph = other.graph
    if not isinstance(condition, Value):
        condition = graph.constant(condition, "bool")
    if not isinstance(one, Value):
        one = graph.constant(one, other.dtype)
    return graph.apply("Where", condition, one, other, dtype=other.dtype)


def _type(dtype: str) -> int:
    return TensorProto.DataType.Value(
        {"float32": "FLOAT", "float64": "DOUBLE"}.get(dtype, dtype.upper())
    )

"""A small builder of ONNX graphs: nodes are added in order, values are names, constants are numpy arrays.

Only standard operators; nothing here knows a model.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET: Final = 23
"""The first with RMSNormalization, RotaryEmbedding and Attention."""
_IR_VERSION: Final = 11
_TYPES: Final = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}
_SHARED: Final = 256
"""Bytes: equal constants up to this size are kept once."""

Dimensions = Sequence[int | str]
"""A tensor's shape; a string names a dimension that each run chooses."""


class Graph:
    """An ONNX graph under construction. A value is named by a string that `op` and its kin return."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._constants: list[Any] = []
        self._shared: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._count = 0
        self.metadata: dict[str, str] = {}
        """Goes into the file with the graph, for whoever loads it."""

    def input(self, name: str, shape: Dimensions, kind: type = np.float32) -> str:
        """Declare an input."""
        self._inputs.append(helper.make_tensor_value_info(name, _TYPES[np.dtype(kind)], list(shape)))
        return name

    def output(self, value: str, name: str, shape: Dimensions, kind: type = np.float32) -> None:
        """Declare a value as an output, under a name of its own."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, _TYPES[np.dtype(kind)], list(shape)))

    def constant(self, value: NDArray[Any]) -> str:
        """A constant of the array's own type."""
        data = np.ascontiguousarray(value)
        if data.nbytes > _SHARED:
            return self._add_constant(data)
        key = (data.dtype.str, data.shape, data.tobytes())
        if key not in self._shared:
            self._shared[key] = self._add_constant(data)
        return self._shared[key]

    def ints(self, *values: int) -> str:
        """A constant int64 vector, as shapes, axes and bounds are."""
        return self.constant(np.array(values, dtype=np.int64))

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output; its name. An input "" is left out."""
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node with several outputs; their names."""
        names = [self._fresh(kind) for _ in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def slice(self, value: str, start: int, end: int | None, axis: int) -> str:
        """`value[start:end]` along one axis; end None is the axis' end."""
        last = np.iinfo(np.int64).max if end is None else end
        return self.op("Slice", value, self.ints(start), self.ints(last), self.ints(axis))

    def reshape(self, value: str, *shape: int) -> str:
        """Reshape: 0 keeps a dimension, -1 is what is left."""
        return self.op("Reshape", value, self.ints(*shape))

    def size(self, value: str, axis: int) -> str:
        """One dimension of a value, as an int64 vector of length 1."""
        return self.op("Shape", value, start=axis, end=axis + 1)

    def model(self) -> Any:
        """The finished ModelProto."""
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, self._constants)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION, producer_name="timbre")
        helper.set_model_props(model, self.metadata)
        return model

    def save(self, path: Path) -> None:
        """Check the graph and write it, weights included: below 2 GB."""
        model = self.model()
        onnx.checker.check_model(model)
        onnx.save(model, path)

    def _fresh(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"

    def _add_constant(self, data: NDArray[Any]) -> str:
        name = self._fresh("constant")
        self._constants.append(numpy_helper.from_array(data, name))
        return name

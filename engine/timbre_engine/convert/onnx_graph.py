"""A small builder of ONNX graphs: nodes are added in order, values are names, constants are numpy arrays.

Nothing here knows a model.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MICROSOFT: Final = "com.microsoft"
"""Domain of ONNX Runtime's own operators."""
_OPSET: Final = 23
"""The first with RMSNormalization, RotaryEmbedding and Attention."""
_IR_VERSIONS: Final = {21: 10, 23: 11}
"""Of the file, by opset."""
_TYPES: Final = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.int32): TensorProto.INT32,
    np.dtype(np.int64): TensorProto.INT64,
    np.dtype(np.bool_): TensorProto.BOOL,
}
_SHARED: Final = 256
"""Bytes: equal constants up to this size are kept once."""

Dimensions = Sequence[int | str]
"""A tensor's shape; a string names a dimension that each run chooses."""


class Graph:
    """An ONNX graph under construction. A value is named by a string that `op` and its kin return."""

    def __init__(self, name: str, opset: int = _OPSET) -> None:
        self._name = name
        self._opset = opset
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

    def constant(self, value: NDArray[Any] | np.generic, name: str | None = None) -> str:
        """A constant of the array's own type, under a name of its own where the file's readers shall find it."""
        data = np.asarray(value, order="C")
        if name is not None or data.nbytes > _SHARED:
            return self._add_constant(data, name)
        key = (data.dtype.str, data.shape, data.tobytes())
        if key not in self._shared:
            self._shared[key] = self._add_constant(data, None)
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

    def cast(self, value: str, kind: type) -> str:
        """The value as another type."""
        return self.op("Cast", value, to=_TYPES[np.dtype(kind)])

    def choose(
        self,
        condition: str,
        when: Callable[[], Sequence[str]],
        otherwise: Callable[[], Sequence[str]],
        kinds: Sequence[type],
    ) -> list[str]:
        """One of two lists of values, of these kinds: only the nodes that the taken function adds are computed.

        The functions add no input and no output. The file's constants are shared between them.
        """
        branches = {"then_branch": self._branch(when, kinds), "else_branch": self._branch(otherwise, kinds)}
        return self.ops("If", len(kinds), condition, **branches)

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
        model = helper.make_model(
            helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, self._constants),
            opset_imports=[helper.make_opsetid("", self._opset), helper.make_opsetid(MICROSOFT, 1)],
            ir_version=_IR_VERSIONS[self._opset],
            producer_name="timbre-engine",
        )
        helper.set_model_props(model, self.metadata)
        return model

    def save(self, path: Path, *, check: bool = True) -> None:
        """Write the graph, weights included: below 2 GB. check: not where onnx does not know all of its operators."""
        model = self.model()
        if check:
            onnx.checker.check_model(model)
        onnx.save(model, path)

    def _branch(self, make: Callable[[], Sequence[str]], kinds: Sequence[type]) -> Any:
        outside, self._nodes = self._nodes, []
        values = make()
        inside, self._nodes = self._nodes, outside
        outputs = [
            helper.make_tensor_value_info(value, _TYPES[np.dtype(kind)], None)
            for value, kind in zip(values, kinds, strict=True)
        ]
        return helper.make_graph(inside, self._fresh("branch"), [], outputs)

    def _fresh(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"

    def _add_constant(self, data: NDArray[Any], name: str | None) -> str:
        name = name or self._fresh("constant")
        self._constants.append(numpy_helper.from_array(data, name))
        return name

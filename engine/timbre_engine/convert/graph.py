"""ONNX graphs, written node by node: every value gets a name that no other graph of the model has."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MICROSOFT: Final = "com.microsoft"
"""Domain of ONNX Runtime's own operators."""

FLOAT: Final = int(TensorProto.FLOAT)
INT32: Final = int(TensorProto.INT32)
INT64: Final = int(TensorProto.INT64)
BOOL: Final = int(TensorProto.BOOL)

_OPSET: Final = 21
_IR_VERSION: Final = 10


class Graph:
    """A graph under construction; with `outer` the body of a Loop or a branch of an If, which sees outer's values."""

    def __init__(self, outer: "Graph | None" = None) -> None:
        self._numbers: Iterator[int] = outer._numbers if outer else count()
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._initializers: list[Any] = []

    def input(self, name: str, kind: int, shape: list[int | str | None] | None) -> str:
        """Declare an input; a name in the shape is a size that is known only when it runs."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name: str, kind: int, shape: list[int | str | None] | None) -> None:
        """Declare a value as the next output."""
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def constant(self, array: NDArray[Any] | np.generic) -> str:
        """A tensor of the file.

        It lies in the graph that uses it: where a branch inside a loop multiplies with an outermost graph's weights,
        ONNX Runtime 1.32 does not lay them out for speed, which took 30 times as long.
        """
        name = self._name("constant")
        self._initializers.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def unfolded(self, array: NDArray[np.float32]) -> str:
        """Float32 values that the file holds as float16; the runtime widens them once, when it loads the file."""
        return self.add("Cast", self.constant(array.astype(np.float16)), to=FLOAT)

    def add(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """A node with one output; its name."""
        return self.add_many(op, inputs, 1, domain=domain, **attributes)[0]

    def add_many(
        self, op: str, inputs: tuple[str, ...] | list[str], outputs: int, *, domain: str = "", **attributes: Any
    ) -> list[str]:
        """A node; the names of its outputs."""
        names = [self._name(op) for _ in range(outputs)]
        self._nodes.append(helper.make_node(op, list(inputs), names, domain=domain, **attributes))
        return names

    def rename(self, value: str, name: str) -> str:
        """The same value under a name that callers know."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        return name

    def proto(self, name: str) -> Any:
        """As an ONNX GraphProto."""
        return helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._initializers)

    def write(self, path: Path, name: str) -> None:
        """Write the model file; it holds its weights."""
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(
            self.proto(name), opset_imports=opsets, ir_version=_IR_VERSION, producer_name="timbre-engine"
        )
        onnx.save(model, path)

    def _name(self, stem: str) -> str:
        return f"{stem}_{next(self._numbers)}"

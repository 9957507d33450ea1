"""An ONNX graph, written node by node: every value gets a name of its own."""

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MICROSOFT: Final = "com.microsoft"
"""Domain of ONNX Runtime's own operators."""

BOOL: Final = int(TensorProto.BOOL)
FLOAT: Final = int(TensorProto.FLOAT)
INT32: Final = int(TensorProto.INT32)
INT64: Final = int(TensorProto.INT64)

_OPSET: Final = 21
_IR_VERSION: Final = 10


class Graph:
    """A graph under construction. Values are told by their names."""

    def __init__(self) -> None:
        self._numbers = count()
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._initializers: list[Any] = []

    def input(self, name: str, kind: int, shape: list[int | str]) -> str:
        """Declare an input; a name in the shape is a size that is known only when it runs."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, value: str, name: str, kind: int, shape: list[int | str]) -> None:
        """Declare a value as the next output, under the name that callers know."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def constant(self, array: NDArray[Any] | np.generic) -> str:
        """A tensor of the file."""
        name = self._name("constant")
        self._initializers.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def integers(self, *values: int) -> str:
        """An int64 tensor [values] of the file."""
        return self.constant(np.array(values, np.int64))

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

    def choose(
        self,
        condition: str,
        when: Callable[[], Sequence[str]],
        otherwise: Callable[[], Sequence[str]],
        kinds: Sequence[int],
    ) -> list[str]:
        """One of two lists of values, of these kinds: only the nodes that the taken function adds are computed.

        The functions add no input and no output. The file's tensors are shared between them.
        """
        branches = {"then_branch": self._branch(when, kinds), "else_branch": self._branch(otherwise, kinds)}
        return self.add_many("If", [condition], len(kinds), **branches)

    def _branch(self, make: Callable[[], Sequence[str]], kinds: Sequence[int]) -> Any:
        outside, self._nodes = self._nodes, []
        values = make()
        inside, self._nodes = self._nodes, outside
        outputs = [helper.make_tensor_value_info(*each, None) for each in zip(values, kinds, strict=True)]
        return helper.make_graph(inside, self._name("branch"), [], outputs)

    def write(self, path: Path, name: str) -> None:
        """Write the model file; it holds its weights."""
        model = helper.make_model(
            helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._initializers),
            opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid(MICROSOFT, 1)],
            ir_version=_IR_VERSION,
            producer_name="timbre-engine",
        )
        onnx.save(model, path)

    def _name(self, stem: str) -> str:
        return f"{stem}_{next(self._numbers)}"

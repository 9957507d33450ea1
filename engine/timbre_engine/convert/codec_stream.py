"""The graph of a stream that is cut into chunks: what a layer saw last comes in as a state, and the next goes out.

Initial states are zeros, as the reference pads with zeros on the left.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from timbre_engine.convert.onnx_graph import Graph

BATCH: Final = "batch"
STATE: Final = "state."
NEXT: Final = "next."
"""A state's input is `state.X`, its output `next.X`: it is fed back unchanged."""

Tensor = NDArray[np.float32]


class Stream:
    """A graph, and the weights it is made of. Rows are [batch, time, channels], waves are [batch, channels, time]."""

    def __init__(self, graph: Graph, take: Callable[[str], Tensor]) -> None:
        self.graph = graph
        self.take = take

    def state(self, name: str, shape: Sequence[int], update: Callable[[str], str], kind: type = np.float32) -> str:
        """Declare a state of [batch, *shape]; `update` makes the next one's value from it. What `update` was given."""
        full: list[int | str] = [BATCH, *shape]
        old = self.graph.input(STATE + name, full, kind)
        self.graph.output(update(old), NEXT + name, full, kind)
        return old

    def joined(self, value: str, name: str, length: int, channels: int, axis: int) -> str:
        """`value` with the `length` steps before it put in front, along the time's axis (1: rows, 2: waves)."""
        graph, made = self.graph, ""

        def update(old: str) -> str:
            nonlocal made
            made = graph.op("Concat", old, value, axis=axis)
            return graph.slice(made, -length, None, axis)

        self.state(name, [length, channels] if axis == 1 else [channels, length], update)
        return made

    def dense(self, rows: str, weight: Tensor, bias: Tensor | None = None) -> str:
        """A linear layer on rows; weight [in, out]."""
        product = self.graph.op("MatMul", rows, self.graph.constant(weight))
        return product if bias is None else self.graph.op("Add", product, self.graph.constant(bias))

    def convolved(self, rows: str, name: str, state: str) -> str:
        """A causal convolution on rows, as one matrix product over the taps side by side.

        For few steps and many channels it is faster than Conv, which packs its input and not its weights.
        """
        weight, bias = self.take(f"{name}.conv.weight"), self.take(f"{name}.conv.bias")
        outputs, inputs, kernel = weight.shape
        seen = self.joined(rows, state, kernel - 1, inputs, axis=1)
        taps = [self.graph.slice(seen, tap, tap - kernel + 1 or None, axis=1) for tap in range(kernel)]
        beside = self.graph.op("Concat", *taps, axis=2)
        return self.dense(beside, weight.transpose(2, 1, 0).reshape(kernel * inputs, outputs), bias)

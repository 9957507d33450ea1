"""The graph of a stream that is cut into chunks: what a layer saw last comes in as a state, and the next goes out.

Initial states are zeros, as the reference pads with zeros on the left. All values are rows, [batch, time, channels]:
so a matrix product carries every layer, with weights that ONNX Runtime packs once and all streams of a batch share.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from timbre_engine.convert.onnx_graph import Graph
from timbre_engine.model.codec import bias_name

BATCH: Final = "batch"
STATE: Final = "state."
NEXT: Final = "next."
"""A state's input is `state.X`, its output `next.X`: it is fed back unchanged."""

Tensor = NDArray[np.float32]
Weights = NDArray[np.float32] | NDArray[np.float64]


def single(values: Weights) -> Tensor:
    """In the precision that the graph computes in."""
    return np.ascontiguousarray(values, dtype=np.float32)


class Stream:
    """A graph, and the weights it is made of."""

    def __init__(self, graph: Graph, take: Callable[[str], Tensor]) -> None:
        self.graph = graph
        self.take = take

    def state(self, name: str, shape: Sequence[int], update: Callable[[str], str], kind: type = np.float32) -> str:
        """Declare a state of [batch, *shape]; `update` makes the next one's value from it. What `update` was given."""
        full: list[int | str] = [BATCH, *shape]
        old = self.graph.input(STATE + name, full, kind)
        self.graph.output(update(old), NEXT + name, full, kind)
        return old

    def joined(
        self, rows: str, name: str, length: int, channels: int, above: Weights | None = None, fill: str = ""
    ) -> str:
        """`rows` with the `length` rows before them put in front, and `fill` behind.

        above: what each channel of `rows` lacks to its true value, that is zero where the stream begins.
        """
        graph, made = self.graph, ""

        def update(old: str) -> str:
            nonlocal made
            before = old if above is None else graph.op("Sub", old, graph.constant(single(above)))
            made = graph.op("Concat", before, rows, *[fill] * bool(fill), axis=1)
            if fill:
                count = graph.size(rows, 1)
                last = graph.op("Slice", made, count, graph.op("Add", count, graph.ints(length)), graph.ints(1))
            else:
                last = graph.slice(made, -length, None, axis=1)
            return last if above is None else graph.op("Add", last, graph.constant(single(above)))

        self.state(name, [length, channels], update)
        return made

    def dense(self, rows: str, name: str, weight: Weights, bias: Weights | None = None) -> str:
        """A linear layer on rows; weight [in, out], a constant of this name."""
        product = self.graph.op("MatMul", rows, self.graph.constant(single(weight), name))
        return product if bias is None else self.graph.op("Add", product, self.bias(name, bias))

    def bias(self, name: str, bias: Weights) -> str:
        """What is added to the product with a constant of this name."""
        return self.graph.constant(single(bias), bias_name(name))

    def convolved(self, rows: str, name: str) -> str:
        """A causal convolution, as one matrix product over the taps side by side."""
        weight, bias = self.take(f"{name}.conv.weight"), self.take(f"{name}.conv.bias")
        outputs, inputs, kernel = weight.shape
        seen = self.joined(rows, name, kernel - 1, inputs)
        beside = weight.transpose(2, 1, 0).reshape(kernel * inputs, outputs)
        return self.dense(self.beside(seen, kernel), name, beside, bias)

    def beside(self, rows: str, taps: int, dilation: int = 1) -> str:
        """Each row with the `taps - 1` after it, `dilation` apart, side by side; the last ones have too few and go."""
        steps = [(tap * dilation, (tap - taps + 1) * dilation or None) for tap in range(taps)]
        shifted = [self.graph.slice(rows, start, end, axis=1) for start, end in steps]
        return self.graph.op("Concat", *shifted, axis=2)

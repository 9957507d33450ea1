"""Sampling as part of an ONNX graph: the same chain as `timbre_engine.qwen3tts.sampling`, for a batch."""

import numpy as np

from timbre_engine.convert.onnx_graph import Graph


class Draw:
    """The nodes that all draws of a graph share, and its inputs `temperature`, `top_k`, `top_p` and `width`."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._one = graph.ints(1)
        self._width = graph.input("width", [1], np.int64)
        self._temperature, self._top_p = (
            graph.op("Unsqueeze", graph.input(name, ["batch"]), self._one) for name in ("temperature", "top_p")
        )
        top_k = graph.op("Unsqueeze", graph.input("top_k", ["batch"], np.int64), self._one)
        self._kth = graph.op("Sub", top_k, self._one)
        self._zero, self._never = (graph.constant(np.float32(value)) for value in (0, -np.inf))

    def token(self, logits: str, uniform: str) -> str:
        """Tokens, int64 [batch, 1], from logits [batch, vocabulary] and one number in [0, 1) a stream, [batch, 1].

        What ties with the k-th is kept among the `width` most probable.
        """
        graph = self._graph
        scaled = graph.op("Div", logits, self._temperature)
        values, tokens = graph.ops("TopK", 2, scaled, self._width, axis=1, largest=1, sorted=1)
        enough = graph.op("GreaterOrEqual", values, graph.op("GatherElements", values, self._kth, axis=1))
        probabilities = graph.op("Softmax", graph.op("Where", enough, values, self._never), axis=1)
        cumulative = graph.op("CumSum", probabilities, self._one)
        inside = graph.op("Less", graph.op("Sub", cumulative, probabilities), self._top_p)
        total = graph.op("ReduceMax", graph.op("Where", inside, cumulative, self._zero), self._one, keepdims=1)
        passed = graph.op("LessOrEqual", cumulative, graph.op("Mul", uniform, total))
        # Rounding may pass the last one that is inside.
        position = graph.op("Min", self._count(passed), graph.op("Sub", self._count(inside), self._one))
        return graph.op("GatherElements", tokens, position, axis=1)

    def _count(self, flags: str) -> str:
        """How many are true, int64 [batch, 1]."""
        graph = self._graph
        return graph.op("ReduceSum", graph.cast(flags, np.int64), self._one, keepdims=1)

"""Sampling as part of an ONNX graph: the same chain as `timbre_engine.qwen3tts.sampling`, for a batch."""

import numpy as np

from timbre_engine.convert.graph import FLOAT, INT64, Graph


class Draw:
    """The nodes that all draws of a graph share, and its inputs `temperature`, `top_k`, `top_p` and `width`."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._one = graph.integers(1)
        self._width = graph.input("width", INT64, [1])
        self._temperature, self._top_p = (
            graph.add("Unsqueeze", graph.input(name, FLOAT, ["batch"]), self._one) for name in ("temperature", "top_p")
        )
        top_k = graph.add("Unsqueeze", graph.input("top_k", INT64, ["batch"]), self._one)
        self._kth = graph.add("Sub", top_k, self._one)
        self._zero, self._never = (graph.constant(np.float32(value)) for value in (0, -np.inf))

    def token(self, logits: str, uniform: str) -> str:
        """Tokens, int64 [batch, 1], from logits [batch, vocabulary] and one number in [0, 1) a stream, [batch, 1].

        What ties with the k-th is kept among the `width` most probable.
        """
        graph = self._graph
        scaled = graph.add("Div", logits, self._temperature)
        values, tokens = graph.add_many("TopK", (scaled, self._width), 2, axis=1, largest=1, sorted=1)
        enough = graph.add("GreaterOrEqual", values, graph.add("GatherElements", values, self._kth, axis=1))
        probabilities = graph.add("Softmax", graph.add("Where", enough, values, self._never), axis=1)
        cumulative = graph.add("CumSum", probabilities, self._one)
        inside = graph.add("Less", graph.add("Sub", cumulative, probabilities), self._top_p)
        total = graph.add("ReduceMax", graph.add("Where", inside, cumulative, self._zero), self._one, keepdims=1)
        passed = graph.add("LessOrEqual", cumulative, graph.add("Mul", uniform, total))
        # Rounding may pass the last one that is inside.
        position = graph.add("Min", self._count(passed), graph.add("Sub", self._count(inside), self._one))
        return graph.add("GatherElements", tokens, position, axis=1)

    def _count(self, flags: str) -> str:
        """How many are true, int64 [batch, 1]."""
        graph = self._graph
        return graph.add("ReduceSum", graph.add("Cast", flags, to=INT64), self._one, keepdims=1)

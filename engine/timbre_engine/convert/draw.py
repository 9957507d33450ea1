"""Sampling as part of an ONNX graph: the same chain as `timbre_engine.qwen3tts.sampling`, for a batch."""

from dataclasses import dataclass

import numpy as np

from timbre_engine.convert.graph import FLOAT, INT64, Graph


@dataclass(frozen=True)
class Settings:
    """Names of the values that say how to draw. Greedy is temperature 1, top_k 1 and uniform 0."""

    temperature: str
    """[batch, 1], above 0."""
    top_k: str
    """int64 [batch, 1], from 1 to width."""
    top_p: str
    """[batch, 1], above 0."""
    width: str
    """int64 [1]: candidates looked at; what ties with the k-th is kept only among these."""


def draw(graph: Graph, logits: str, settings: Settings, uniform: str) -> str:
    """Tokens, int64 [batch, 1], from logits [batch, vocabulary] and one number in [0, 1) a stream, [batch, 1]."""
    one = graph.constant(np.array([1], np.int64))
    scaled = graph.add("Div", logits, settings.temperature)
    values, tokens = graph.add_many("TopK", (scaled, settings.width), 2, axis=1, largest=1, sorted=1)
    kth = graph.add("GatherElements", values, graph.add("Sub", settings.top_k, one), axis=1)
    never = graph.constant(np.float32(-np.inf))
    kept = graph.add("Where", graph.add("GreaterOrEqual", values, kth), values, never)
    probabilities = graph.add("Softmax", kept, axis=1)
    axis = graph.constant(np.array(1, np.int64))
    cumulative = graph.add("CumSum", probabilities, axis)
    before = graph.add("Sub", cumulative, probabilities)
    inside = graph.add("Less", before, settings.top_p)
    total = graph.add(
        "ReduceMax", graph.add("Where", inside, cumulative, graph.constant(np.float32(0))), one, keepdims=1
    )
    passed = graph.add("LessOrEqual", cumulative, graph.add("Mul", uniform, total))
    last = graph.add("Sub", _count(graph, inside, one), one)
    position = graph.add("Min", _count(graph, passed, one), last)
    return graph.add("GatherElements", tokens, position, axis=1)


def _count(graph: Graph, flags: str, axis: str) -> str:
    """How many are true, int64 [batch, 1]."""
    return graph.add("Cast", graph.add("ReduceSum", graph.add("Cast", flags, to=FLOAT), axis, keepdims=1), to=INT64)

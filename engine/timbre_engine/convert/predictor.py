"""`predictor.onnx`: a frame's codes 1..15 from the talker's hidden state and the embedding of code 0, in one call.

A Loop makes a code in each turn: the first turn reads two positions, every later one the embedding of the code before.
The weights stand outside it, so they are in memory once; the head of a turn is chosen by nested Ifs, because a
multiplication's weights must be known when the model is loaded to be laid out for speed.
"""

from pathlib import Path
from typing import Final

import numpy as np

from timbre_engine.convert.checkpoint import Checkpoint
from timbre_engine.convert.draw import Settings, draw
from timbre_engine.convert.graph import BOOL, FLOAT, INT32, INT64, Graph
from timbre_engine.convert.qwen3 import Cache, Layers, Moment, rotations
from timbre_engine.convert.weights import STORAGE, Storage
from timbre_engine.model.manifest import Quantisation, Transformer
from timbre_engine.model.predictor import CODES, VOCABULARY

_PREFIX: Final = "talker.code_predictor."


def write_predictor(
    checkpoint: Checkpoint, talker_hidden: int, sizes: Transformer, quantisation: Quantisation, path: Path
) -> None:
    """Write the code predictor of a checkpoint as one ONNX file. Raises InvalidInput that names a tensor.

    `timbre_engine.model.predictor` says what goes in and what comes out.
    """
    storage = STORAGE[quantisation]
    graph = Graph()
    axis = graph.constant(np.array([1], np.int64))
    rows = [graph.input(name, FLOAT, ["batch", talker_hidden]) for name in ("hidden", "code0_embedding")]
    graph.input("uniform", FLOAT, [CODES, "batch"])
    for name, kind in (("temperature", FLOAT), ("top_k", INT64), ("top_p", FLOAT)):
        graph.input(name, kind, ["batch"])
    graph.input("width", INT64, [1])
    temperature, top_k, top_p = (graph.add("Unsqueeze", name, axis) for name in ("temperature", "top_k", "top_p"))
    settings = Settings(temperature, top_k, top_p, "width")

    body = Graph(graph)
    _write_turn(body, checkpoint, talker_hidden, sizes, storage, settings)
    start = graph.add("Concat", *(graph.add("Unsqueeze", row, axis) for row in rows), axis=1)
    none = graph.add("Sub", "hidden", "hidden")
    batch = graph.add("Shape", "hidden", start=0, end=1)
    shape = [graph.constant(np.array([size], np.int64)) for size in (sizes.kv_heads, 0, sizes.head_dim)]
    empty = graph.add("ConstantOfShape", graph.add("Concat", batch, *shape, axis=0))
    carried = [start, none, *[empty] * (2 * sizes.layers)]
    turns = graph.constant(np.array(CODES, np.int64))
    results = graph.add_many("Loop", [turns, "", *carried], len(carried) + 1, body=body.proto("turn"))

    codes = graph.add(
        "Transpose", graph.add("Squeeze", results[-1], graph.constant(np.array([2], np.int64))), perm=[1, 0]
    )
    graph.output(graph.rename(graph.add("Cast", codes, to=INT32), "codes"), INT32, ["batch", CODES])
    graph.output(graph.rename(results[1], "embedding_sum"), FLOAT, ["batch", talker_hidden])
    graph.write(path, "code predictor")


def _write_turn(
    body: Graph, checkpoint: Checkpoint, width: int, sizes: Transformer, storage: Storage, settings: Settings
) -> None:
    """The Loop's body. Carried: inputs [batch, positions, width], the sum of embeddings, keys and values by layer."""
    turn = body.input("turn", INT64, [])
    body.input("go_on", BOOL, [])
    value = body.input("value", FLOAT, [None, None, width])
    total = body.input("total", FLOAT, [None, width])
    past = [
        Cache(*(body.input(f"{each}_{layer}", FLOAT, None) for each in ("keys", "values")))
        for layer in range(sizes.layers)
    ]
    if width != sizes.hidden:
        name = f"{_PREFIX}small_to_mtp_projection."
        matrix = checkpoint.take(f"{name}weight", (sizes.hidden, width))
        bias = body.constant(checkpoint.take(f"{name}bias", (sizes.hidden,)))
        value = body.add("Add", storage.product(body, value, matrix), bias)
    layers = Layers(checkpoint, f"{_PREFIX}model.", sizes, storage)
    hidden, present = layers.run(body, value, _moment(body, turn, total, sizes), past)
    logits = _head(body, checkpoint, sizes.hidden, storage, hidden, turn)
    axis = body.constant(np.array([1], np.int64))
    uniform = body.add("Unsqueeze", body.add("Gather", "uniform", turn), axis)
    code = draw(body, logits, settings, uniform)

    names = [f"{_PREFIX}model.codec_embedding.{number}.weight" for number in range(CODES)]
    table = np.concatenate([checkpoint.take(name, (VOCABULARY, width)) for name in names])
    offset = body.add("Mul", turn, body.constant(np.array(VOCABULARY, np.int64)))
    embedding = storage.rows(body, body.add("Add", code, offset), table)
    total = body.add("Add", total, body.add("Squeeze", embedding, axis))
    body.output(body.add("Identity", "go_on"), BOOL, [])
    body.output(embedding, FLOAT, [None, None, width])
    body.output(total, FLOAT, [None, width])
    for cache in present:
        body.output(cache.keys, FLOAT, None)
        body.output(cache.values, FLOAT, None)
    body.output(code, INT64, [None, 1])


def _moment(body: Graph, turn: str, total: str, sizes: Transformer) -> Moment:
    """Turn t ends at position t + 1."""
    one = body.constant(np.array(1, np.int32))
    last = body.add("Add", body.add("Cast", turn, to=INT32), one)
    batch = body.add("Shape", total, start=0, end=1)
    cosines, sines = (body.constant(each) for each in rotations(sizes, CODES + 1))
    return Moment(body.add("Expand", last, batch), body.add("Add", last, one), cosines, sines)


def _head(body: Graph, checkpoint: Checkpoint, width: int, storage: Storage, hidden: str, turn: str) -> str:
    """Logits [batch, 2048] by the head of this turn, found by halving."""

    def choose(graph: Graph, first: int, end: int) -> str:
        if end - first == 1:
            matrix = checkpoint.take(f"{_PREFIX}lm_head.{first}.weight", (VOCABULARY, width))
            return storage.product(graph, hidden, matrix)
        middle = (first + end) // 2
        branches = {}
        for name, bounds in (("then_branch", (first, middle)), ("else_branch", (middle, end))):
            branch = Graph(graph)
            branch.output(choose(branch, *bounds), FLOAT, [None, VOCABULARY])
            branches[name] = branch.proto(name)
        lower = graph.add("Less", turn, graph.constant(np.array(middle, np.int64)))
        return graph.add("If", lower, **branches)

    return choose(body, 0, CODES)

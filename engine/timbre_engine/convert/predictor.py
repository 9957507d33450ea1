"""`predictor.onnx`: a frame's codes 1..15 from the talker's hidden state and the embedding of code 0, in one call.

The fifteen steps are written out one after the other; the weights that they share are in the file and in memory once.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from timbre_engine.convert.checkpoint import Checkpoint
from timbre_engine.convert.draw import Draw
from timbre_engine.convert.graph import FLOAT, INT32, Graph
from timbre_engine.convert.qwen3 import Cache, Layers, Moment
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
    build(checkpoint, talker_hidden, sizes, STORAGE[quantisation]).write(path, "code predictor")


def build(checkpoint: Checkpoint, talker_hidden: int, sizes: Transformer, storage: Storage) -> Graph:
    """The same, with weights stored in any way, and not yet written."""
    graph = Graph()
    axis = graph.integers(1)
    rows = [graph.input(name, FLOAT, ["batch", talker_hidden]) for name in ("hidden", "code0_embedding")]
    graph.input("uniform", FLOAT, [CODES, "batch"])
    draw = Draw(graph)
    project = _projection(graph, checkpoint, talker_hidden, sizes.hidden, storage)
    layers = Layers(graph, checkpoint, f"{_PREFIX}model.", sizes, storage, CODES + 1)

    batch = graph.add("Shape", rows[0], start=0, end=1)
    value = graph.add("Concat", *(graph.add("Unsqueeze", row, axis) for row in rows), axis=1)
    none = graph.add("Concat", batch, graph.integers(sizes.kv_heads, 0, sizes.head_dim), axis=0)
    caches = [Cache(*[graph.add("ConstantOfShape", none)] * 2)] * sizes.layers
    codes, embeddings = [], []
    for number in range(CODES):
        # The first step reads two positions, each later one the code before.
        last, length = (graph.constant(np.int32(number + each)) for each in (1, 2))
        hidden, caches = layers.run(project(value), Moment(graph.add("Expand", last, batch), length), caches)
        name = f"{_PREFIX}lm_head.{number}.weight"
        head = storage.matrix(graph, checkpoint.take(name, (VOCABULARY, sizes.hidden)))
        uniform = graph.add("Gather", "uniform", graph.constant(np.int64(number)))
        codes.append(draw.token(head.product(graph, hidden), graph.add("Unsqueeze", uniform, axis)))
        name = f"{_PREFIX}model.codec_embedding.{number}.weight"
        table = storage.table(graph, checkpoint.take(name, (VOCABULARY, talker_hidden)))
        value = table.rows(graph, codes[-1])
        embeddings.append(value)

    drawn = graph.add("Cast", graph.add("Concat", *codes, axis=1), to=INT32)
    graph.output(drawn, "codes", INT32, ["batch", CODES])
    total = graph.add("Squeeze", graph.add("Sum", *embeddings), axis)
    graph.output(total, "embedding_sum", FLOAT, ["batch", talker_hidden])
    return graph


def _projection(
    graph: Graph, checkpoint: Checkpoint, talker_hidden: int, hidden: int, storage: Storage
) -> Callable[[str], str]:
    """From the talker's width to the predictor's; where they are equal there is nothing to do."""
    if talker_hidden == hidden:
        return lambda value: value
    name = f"{_PREFIX}small_to_mtp_projection."
    matrix = storage.matrix(graph, checkpoint.take(f"{name}weight", (hidden, talker_hidden)))
    bias = graph.constant(checkpoint.take(f"{name}bias", (hidden,)))
    return lambda value: graph.add("Add", matrix.product(graph, value), bias)

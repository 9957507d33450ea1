"""Layers of a Qwen3 language model as an ONNX graph with a KV cache that grows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbre_engine.convert.checkpoint import Checkpoint
from timbre_engine.convert.graph import MICROSOFT, Graph
from timbre_engine.convert.weights import Storage
from timbre_engine.model.manifest import Transformer


@dataclass(frozen=True)
class Moment:
    """Names of the values that say where in the sequence a pass is."""

    last: str
    """int32 [batch]: position of the pass' last input."""
    length: str
    """int32, one value: positions up to and with the last."""
    cosines: str
    """[positions, head_dim / 2]."""
    sines: str
    """[positions, head_dim / 2]."""


@dataclass(frozen=True)
class Cache:
    """Names of a layer's keys and values, [batch, kv_heads, positions, head_dim]."""

    keys: str
    values: str


class Layers:
    """The layers of a checkpoint below a prefix such as `talker.code_predictor.model.`."""

    def __init__(self, checkpoint: Checkpoint, prefix: str, sizes: Transformer, storage: Storage) -> None:
        self._checkpoint = checkpoint
        self._prefix = prefix
        self._sizes = sizes
        self._storage = storage

    def run(self, graph: Graph, value: str, moment: Moment, past: list[Cache]) -> tuple[str, list[Cache]]:
        """Pass value [batch, positions, hidden] through every layer; the last position after the final norm,
        [batch, hidden], and the caches with the new positions. Raises InvalidInput where a tensor is not as expected.
        """
        residual, change, present = value, "", []
        for number, cache in enumerate(past):
            prefix = f"{self._prefix}layers.{number}."
            normed, residual = self._norm(graph, f"{prefix}input_layernorm.weight", residual, change)
            change, grown = self._attention(graph, normed, f"{prefix}self_attn.", moment, cache)
            present.append(grown)
            normed, residual = self._norm(graph, f"{prefix}post_attention_layernorm.weight", residual, change)
            change = self._mlp(graph, normed, f"{prefix}mlp.")
        last = graph.constant(np.array(-1, np.int64))
        ends = [graph.add("Gather", each, last, axis=1) for each in (residual, change)]
        return self._norm(graph, f"{self._prefix}norm.weight", *ends)[0], present

    def _attention(self, graph: Graph, value: str, prefix: str, moment: Moment, past: Cache) -> tuple[str, Cache]:
        sizes = self._sizes
        queries, keys = sizes.heads * sizes.head_dim, sizes.kv_heads * sizes.head_dim
        names = [f"{prefix}{each}_proj.weight" for each in "qkv"]
        parts = self._joint(graph, value, names, [queries, keys, keys])
        output, new_keys, new_values = graph.add_many(
            "GroupQueryAttention",
            [
                self._head_norm(graph, parts[0], f"{prefix}q_norm.weight", sizes.heads),
                self._head_norm(graph, parts[1], f"{prefix}k_norm.weight", sizes.kv_heads),
                parts[2],
                past.keys,
                past.values,
                moment.last,
                moment.length,
                moment.cosines,
                moment.sines,
            ],
            3,
            domain=MICROSOFT,
            num_heads=sizes.heads,
            kv_num_heads=sizes.kv_heads,
            do_rotary=1,
        )
        matrix = self._checkpoint.take(f"{prefix}o_proj.weight", (sizes.hidden, queries))
        return self._storage.product(graph, output, matrix), Cache(new_keys, new_values)

    def _mlp(self, graph: Graph, value: str, prefix: str) -> str:
        sizes = self._sizes
        names = [f"{prefix}{each}_proj.weight" for each in ("gate", "up")]
        gate, up = self._joint(graph, value, names, [sizes.ffn, sizes.ffn])
        # QuickGelu with factor 1 is SiLU.
        active = graph.add("Mul", graph.add("QuickGelu", gate, domain=MICROSOFT, alpha=1.0), up)
        matrix = self._checkpoint.take(f"{prefix}down_proj.weight", (sizes.hidden, sizes.ffn))
        return self._storage.product(graph, active, matrix)

    def _joint(self, graph: Graph, value: str, names: list[str], widths: list[int]) -> list[str]:
        """Several products of one value as one, cut apart again: a multiplication costs a start of its threads."""
        matrices = [
            self._checkpoint.take(name, (width, self._sizes.hidden)) for name, width in zip(names, widths, strict=True)
        ]
        product = self._storage.product(graph, value, np.concatenate(matrices))
        split = graph.constant(np.array(widths, np.int64))
        return graph.add_many("Split", (product, split), len(widths), axis=-1)

    def _head_norm(self, graph: Graph, value: str, name: str, heads: int) -> str:
        sizes = self._sizes
        weight = graph.constant(self._checkpoint.take(name, (sizes.head_dim,)))
        apart = graph.constant(np.array([0, 0, heads, sizes.head_dim], np.int64))
        together = graph.constant(np.array([0, 0, heads * sizes.head_dim], np.int64))
        normed = graph.add(
            "SimplifiedLayerNormalization", graph.add("Reshape", value, apart), weight, epsilon=sizes.norm_eps, axis=-1
        )
        return graph.add("Reshape", normed, together)

    def _norm(self, graph: Graph, name: str, residual: str, change: str) -> tuple[str, str]:
        """RMSNorm of residual + change ("" for none), and that sum."""
        weight = graph.constant(self._checkpoint.take(name, (self._sizes.hidden,)))
        epsilon = self._sizes.norm_eps
        if not change:
            normed = graph.add("SimplifiedLayerNormalization", residual, weight, epsilon=epsilon, axis=-1)
            return normed, residual
        normed, _, _, total = graph.add_many(
            "SkipSimplifiedLayerNormalization", (residual, change, weight), 4, domain=MICROSOFT, epsilon=epsilon
        )
        return normed, total


def rotations(sizes: Transformer, positions: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosines and sines of every position's angles, each [positions, head_dim / 2]."""
    rates = sizes.rope_theta ** (-np.arange(0, sizes.head_dim, 2) / sizes.head_dim)
    angles = np.outer(np.arange(positions), rates)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)

"""Layers of a Qwen3 language model in an ONNX graph, with a KV cache that grows."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from timbre_engine.convert.checkpoint import Checkpoint
from timbre_engine.convert.onnx_graph import MICROSOFT, Graph
from timbre_engine.convert.weights import AdaptedMatrix, Factor, Matrix, Storage
from timbre_engine.model.manifest import Transformer


@dataclass(frozen=True)
class Moment:
    """Names of the values that say where in the sequence a pass is."""

    last: str
    """int32 [batch]: position of the pass' last input."""
    length: str
    """int32, one value: positions up to and with the last."""


@dataclass(frozen=True)
class Cache:
    """Names of a layer's keys and values, [batch, kv_heads, positions, head_dim]."""

    keys: str
    values: str


@dataclass(frozen=True)
class _Layer:
    """What a layer multiplies with."""

    before_attention: str
    queries_keys_values: Factor
    query_norm: str
    key_norm: str
    output: Factor
    before_mlp: str
    gate_up: Factor
    down: Factor


class Layers:
    """The layers of a checkpoint below a prefix such as `talker.code_predictor.model.`: their weights once in the file,
    however many passes go through them.
    """

    def __init__(
        self, graph: Graph, checkpoint: Checkpoint, prefix: str, sizes: Transformer, storage: Storage, positions: int
    ) -> None:
        """positions: how long a sequence can get. Raises InvalidInput where a tensor is not as expected."""
        self._graph = graph
        self._checkpoint = checkpoint
        self._sizes = sizes
        self._storage = storage
        self._layers = [self._read(f"{prefix}layers.{number}.", f"layers.{number}.") for number in range(sizes.layers)]
        self._final = self._vector(f"{prefix}norm.weight", sizes.hidden, "final")
        self._rotations = self._cosines_and_sines(positions)
        self._last = graph.constant(np.int64(-1))
        head, width = sizes.head_dim, sizes.kv_heads * sizes.head_dim
        self._attention_split = graph.ints(sizes.heads * head, width, width)
        self._mlp_split = graph.ints(sizes.ffn, sizes.ffn)
        self._apart = {heads: graph.ints(0, 0, heads, head) for heads in (sizes.heads, sizes.kv_heads)}
        self._together = {heads: graph.ints(0, 0, heads * head) for heads in (sizes.heads, sizes.kv_heads)}

    def adapted(self, factors: Sequence[Mapping[str, tuple[str, str]]]) -> "Layers":
        """The same layers over the same weights, with products of low rank added.

        For each layer and each of its matrices (a field of `_Layer`): the names of an `AdaptedMatrix`' a and b.
        """
        layers = copy.copy(self)
        layers._layers = []
        for layer, pairs in zip(self._layers, factors, strict=True):
            matrices: Any = {name: AdaptedMatrix(getattr(layer, name), a, b) for name, (a, b) in pairs.items()}
            layers._layers.append(replace(layer, **matrices))
        return layers

    def run(self, value: str, moment: Moment, past: list[Cache]) -> tuple[str, list[Cache]]:
        """Pass value [batch, positions, hidden] through every layer; the last position after the final norm,
        [batch, hidden], and the caches with the new positions.
        """
        graph, residual, change, present = self._graph, value, "", []
        for layer, cache in zip(self._layers, past, strict=True):
            normed, residual = self._norm(layer.before_attention, residual, change)
            change, grown = self._attention(layer, normed, moment, cache)
            present.append(grown)
            normed, residual = self._norm(layer.before_mlp, residual, change)
            gate, up = graph.ops("Split", 2, layer.gate_up.product(graph, normed), self._mlp_split, axis=-1)
            # QuickGelu with factor 1 is SiLU.
            active = graph.op("Mul", graph.op("QuickGelu", gate, domain=MICROSOFT, alpha=1.0), up)
            change = layer.down.product(graph, active)
        ends = [graph.op("Gather", each, self._last, axis=1) for each in (residual, change)]
        return self._norm(self._final, *ends)[0], present

    def _attention(self, layer: _Layer, value: str, moment: Moment, past: Cache) -> tuple[str, Cache]:
        graph, sizes = self._graph, self._sizes
        joint = layer.queries_keys_values.product(graph, value)
        queries, keys, values = graph.ops("Split", 3, joint, self._attention_split, axis=-1)
        output, new_keys, new_values = graph.ops(
            "GroupQueryAttention",
            3,
            self._head_norm(layer.query_norm, queries, sizes.heads),
            self._head_norm(layer.key_norm, keys, sizes.kv_heads),
            values,
            past.keys,
            past.values,
            moment.last,
            moment.length,
            *self._rotations,
            domain=MICROSOFT,
            num_heads=sizes.heads,
            kv_num_heads=sizes.kv_heads,
            do_rotary=1,
        )
        return layer.output.product(graph, output), Cache(new_keys, new_values)

    def _norm(self, weight: str, residual: str, change: str) -> tuple[str, str]:
        """RMSNorm of residual + change ("" for none), and that sum."""
        epsilon = self._sizes.norm_eps
        if not change:
            normed = self._graph.op("SimplifiedLayerNormalization", residual, weight, epsilon=epsilon, axis=-1)
            return normed, residual
        normed, _, _, total = self._graph.ops(
            "SkipSimplifiedLayerNormalization", 4, residual, change, weight, domain=MICROSOFT, epsilon=epsilon
        )
        return normed, total

    def _head_norm(self, weight: str, value: str, heads: int) -> str:
        apart = self._graph.op("Reshape", value, self._apart[heads])
        normed = self._graph.op("SimplifiedLayerNormalization", apart, weight, epsilon=self._sizes.norm_eps, axis=-1)
        return self._graph.op("Reshape", normed, self._together[heads])

    def _read(self, prefix: str, name: str) -> _Layer:
        """`name`: what its constants' names begin with, before the field's."""
        sizes, attention, mlp = self._sizes, f"{prefix}self_attn.", f"{prefix}mlp."
        queries, keys = sizes.heads * sizes.head_dim, sizes.kv_heads * sizes.head_dim
        widths = {"q": queries, "k": keys, "v": keys}
        return _Layer(
            before_attention=self._vector(f"{prefix}input_layernorm.weight", sizes.hidden, f"{name}before_attention"),
            queries_keys_values=self._matrix(
                sizes.hidden,
                {f"{attention}{each}_proj.weight": width for each, width in widths.items()},
                f"{name}queries_keys_values",
            ),
            query_norm=self._vector(f"{attention}q_norm.weight", sizes.head_dim, f"{name}query_norm"),
            key_norm=self._vector(f"{attention}k_norm.weight", sizes.head_dim, f"{name}key_norm"),
            output=self._matrix(queries, {f"{attention}o_proj.weight": sizes.hidden}, f"{name}output"),
            before_mlp=self._vector(f"{prefix}post_attention_layernorm.weight", sizes.hidden, f"{name}before_mlp"),
            gate_up=self._matrix(
                sizes.hidden, {f"{mlp}{each}_proj.weight": sizes.ffn for each in ("gate", "up")}, f"{name}gate_up"
            ),
            down=self._matrix(sizes.ffn, {f"{mlp}down_proj.weight": sizes.hidden}, f"{name}down"),
        )

    def _matrix(self, columns: int, names: dict[str, int], constant: str) -> Matrix:
        """Matrices of the same input as one, by name and rows: each multiplication has to start its threads."""
        parts = [self._checkpoint.take(name, (rows, columns)) for name, rows in names.items()]
        return self._storage.matrix(self._graph, np.concatenate(parts), constant)

    def _vector(self, name: str, size: int, constant: str) -> str:
        return self._graph.constant(self._checkpoint.take(name, (size,)), constant)

    def _cosines_and_sines(self, positions: int) -> tuple[str, str]:
        """Of every position's angles, each [positions, head_dim / 2]."""
        sizes = self._sizes
        rates = sizes.rope_theta ** (-np.arange(0, sizes.head_dim, 2) / sizes.head_dim)
        angles = np.outer(np.arange(positions), rates)
        cosines, sines = (self._graph.constant(each.astype(np.float32)) for each in (np.cos(angles), np.sin(angles)))
        return cosines, sines

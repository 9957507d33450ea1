"""The decoder's first half, frame by frame: quantiser, transformer and upsampling. Everything here works on rows."""

from typing import Final

import numpy as np

from timbre_engine.convert.codec_layout import Sizes
from timbre_engine.convert.codec_stream import Stream, Tensor
from timbre_engine.model.codec import TAPS

_LEAST_USAGE: Final = 1e-5
_LAYER_NORM_EPS: Final = 1e-6


def embedded(stream: Stream, sizes: Sizes, codes: str) -> str:
    """Codes [batch, frames, codebooks] -> rows of codebook_dim channels."""
    graph, books, half = stream.graph, sizes.num_quantizers, sizes.codebook_dim // 2
    table = np.concatenate([_codebook(stream, book) for book in range(books)])
    offsets = np.arange(books, dtype=np.int64) * sizes.codebook_size
    rows = graph.op("Gather", graph.constant(table, "tables"), graph.op("Add", codes, graph.constant(offsets)))
    first = graph.reshape(graph.slice(rows, 0, 1, axis=2), 0, 0, half)
    rest = graph.op("ReduceSum", graph.slice(rows, 1, None, axis=2), graph.ints(2), keepdims=0)
    groups = ("rvq_first", "rvq_rest")
    projections = [stream.take(f"quantizer.{group}.output_proj.weight")[:, :, 0].T for group in groups]
    return stream.dense(graph.op("Concat", first, rest, axis=2), "quantizer", np.concatenate(projections))


def transformed(stream: Stream, sizes: Sizes, rows: str) -> str:
    """The sliding-window transformer, its projections in and out included."""
    graph, name = stream.graph, "pre_transformer."
    weight, bias = stream.take(f"{name}input_proj.weight"), stream.take(f"{name}input_proj.bias")
    hidden = stream.dense(rows, "input", weight.T, bias)
    window = _Window(stream, sizes, graph.size(rows, axis=1))
    for layer in range(sizes.num_hidden_layers):
        names = f"{name}layers.{layer}.", f"layers.{layer}"
        hidden = graph.op("Add", hidden, _attention(stream, sizes, *names, hidden, window))
        hidden = graph.op("Add", hidden, _gated(stream, sizes, *names, hidden))
    scale = stream.take(f"{name}norm.weight")
    weight = stream.take(f"{name}output_proj.weight").T * scale[:, None]
    return stream.dense(_normed(stream, sizes, hidden), "output", weight, stream.take(f"{name}output_proj.bias"))


def upsampled(stream: Stream, sizes: Sizes, rows: str) -> str:
    """Each frame becomes as many rows as the ratios' product; each stage ends in a ConvNeXt block."""
    width = sizes.latent_dim
    for stage in range(len(sizes.upsampling_ratios)):
        name = f"upsample.{stage}."
        weight, bias = stream.take(f"{name}0.conv.weight"), stream.take(f"{name}0.conv.bias")
        # Kernel and stride are equal, so each step makes its own rows: side by side, then one below the other.
        spread = weight.transpose(0, 2, 1).reshape(width, -1)
        beside = stream.dense(rows, f"{name}spread", spread, np.tile(bias, weight.shape[2]))
        rows = _convnext(stream, name, stream.graph.op("Reshape", beside, stream.graph.ints(0, -1, width)))
    return rows


class _Window:
    """What every layer's attention shares: rotary angles, and which of the keys a query sees.

    Keys are kept unrotated, and positions count from the oldest key in the window, so they never grow.
    """

    def __init__(self, stream: Stream, sizes: Sizes, frames: str) -> None:
        graph, past = stream.graph, sizes.sliding_window - 1
        one = graph.ints(1)
        scalar = graph.constant(np.array(0, dtype=np.int64))
        keys = graph.op("Range", scalar, *_scalars(stream, graph.op("Add", frames, graph.ints(past))), _step(stream))
        queries = graph.op("Range", scalar, *_scalars(stream, frames), _step(stream))
        ago = graph.op("Sub", graph.op("Unsqueeze", keys, graph.ints(0)), graph.op("Unsqueeze", queries, one))
        inside = graph.op(
            "And",
            graph.op("GreaterOrEqual", ago, graph.ints(0)),
            graph.op("LessOrEqual", ago, graph.ints(past)),
        )
        # A stream that began less than a window ago has fewer frames behind it than there are places for.
        count = stream.state(
            "frames",
            [],
            lambda old: graph.op("Min", graph.op("Add", old, frames), graph.ints(past)),
            np.int64,
        )
        first = graph.op("Sub", graph.ints(past), graph.op("Unsqueeze", count, graph.ints(1, 2, 3)))
        self.mask = graph.op("And", inside, graph.op("GreaterOrEqual", keys, first))
        half = sizes.head_dim // 2
        speeds = (sizes.rope_theta ** (-np.arange(half) / half)).astype(np.float32)
        angles = graph.op("Mul", graph.op("Unsqueeze", graph.op("Cast", keys, to=1), one), graph.constant(speeds))
        shape = graph.op("Concat", graph.size(count, 0), one, one, axis=0)
        self._graph, self._past = graph, past
        self._cos, self._sin = (graph.op("Expand", graph.op(kind, angles), shape) for kind in ("Cos", "Sin"))
        self._late = [graph.slice(table, past, None, axis=1) for table in (self._cos, self._sin)]

    def rotated(self, rows: str, heads: int, queries: bool) -> str:
        """Rotated by position: queries are the newest rows, keys fill the window."""
        cos, sin = self._late if queries else (self._cos, self._sin)
        return self._graph.op("RotaryEmbedding", rows, cos, sin, num_heads=heads)


def _codebook(stream: Stream, book: int) -> Tensor:
    group, layer = ("rvq_first", 0) if book == 0 else ("rvq_rest", book - 1)
    name = f"quantizer.{group}.vq.layers.{layer}._codebook."
    usage = np.maximum(stream.take(f"{name}cluster_usage"), _LEAST_USAGE, dtype=np.float32)
    return np.asarray(stream.take(f"{name}embedding_sum") / usage[:, None], np.float32)


def _scalars(stream: Stream, *vectors: str) -> list[str]:
    return [stream.graph.op("Squeeze", vector) for vector in vectors]


def _step(stream: Stream) -> str:
    return stream.graph.constant(np.array(1, dtype=np.int64))


def _normed(stream: Stream, sizes: Sizes, rows: str) -> str:
    """RMSNorm without its weight, which is folded into the product that follows."""
    ones = stream.graph.constant(np.ones(sizes.hidden_size, dtype=np.float32))
    return stream.graph.op("RMSNormalization", rows, ones, axis=-1, epsilon=sizes.rms_norm_eps)


def _attention(stream: Stream, sizes: Sizes, prefix: str, name: str, hidden: str, window: _Window) -> str:
    """The checkpoint's tensors begin with `prefix`, the constants and states with `name`."""
    graph, width, heads = stream.graph, sizes.attention_dim, sizes.num_attention_heads
    scale = stream.take(f"{prefix}input_layernorm.weight")
    matrices = [stream.take(f"{prefix}self_attn.{kind}_proj.weight").T for kind in ("q", "k", "v")]
    weight = np.concatenate(matrices, axis=1) * scale[:, None]
    projected = stream.dense(_normed(stream, sizes, hidden), f"{name}.queries_keys_values", weight)
    query, key, value = graph.ops("Split", 3, projected, axis=2, num_outputs=3)
    past = sizes.sliding_window - 1
    keys = stream.joined(key, f"{name}.keys", past, width)
    values = stream.joined(value, f"{name}.values", past, width)
    attended = graph.op(
        "Attention",
        window.rotated(query, heads, queries=True),
        window.rotated(keys, heads, queries=False),
        values,
        window.mask,
        q_num_heads=heads,
        kv_num_heads=heads,
    )
    weight = stream.take(f"{prefix}self_attn.o_proj.weight").T
    return stream.dense(attended, f"{name}.output", weight * stream.take(f"{prefix}self_attn_layer_scale.scale"))


def _gated(stream: Stream, sizes: Sizes, prefix: str, name: str, hidden: str) -> str:
    graph = stream.graph
    scale = stream.take(f"{prefix}post_attention_layernorm.weight")
    matrices = [stream.take(f"{prefix}mlp.{kind}_proj.weight").T for kind in ("gate", "up")]
    weight = np.concatenate(matrices, axis=1) * scale[:, None]
    both = stream.dense(_normed(stream, sizes, hidden), f"{name}.gate_up", weight)
    gate, up = graph.ops("Split", 2, both, axis=2, num_outputs=2)
    gated = graph.op("Mul", graph.op("Mul", gate, graph.op("Sigmoid", gate)), up)
    weight = stream.take(f"{prefix}mlp.down_proj.weight").T
    return stream.dense(gated, f"{name}.down", weight * stream.take(f"{prefix}mlp_layer_scale.scale"))


def _convnext(stream: Stream, name: str, rows: str) -> str:
    graph, prefix = stream.graph, f"{name}1."
    weight, bias = stream.take(f"{prefix}dwconv.conv.weight"), stream.take(f"{prefix}dwconv.conv.bias")
    width = weight.shape[0]
    depthwise = f"{name}depthwise"
    seen = stream.joined(rows, depthwise, TAPS - 1, width)
    wave = graph.op("Transpose", seen, perm=[0, 2, 1])
    mixed = graph.op("Conv", wave, graph.constant(weight, depthwise), stream.bias(depthwise, bias), group=width)
    normed = graph.op(
        "LayerNormalization",
        graph.op("Transpose", mixed, perm=[0, 2, 1]),
        graph.constant(stream.take(f"{prefix}norm.weight"), f"{name}norm"),
        stream.bias(f"{name}norm", stream.take(f"{prefix}norm.bias")),
        axis=-1,
        epsilon=_LAYER_NORM_EPS,
    )
    weight, bias = stream.take(f"{prefix}pwconv1.weight"), stream.take(f"{prefix}pwconv1.bias")
    wide = stream.dense(normed, f"{name}wide", weight.T, bias)
    gamma = stream.take(f"{prefix}gamma")
    narrow = stream.dense(
        graph.op("Gelu", wide),
        f"{name}narrow",
        stream.take(f"{prefix}pwconv2.weight").T * gamma,
        stream.take(f"{prefix}pwconv2.bias") * gamma,
    )
    return graph.op("Add", rows, narrow)

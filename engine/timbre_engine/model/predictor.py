"""What whoever writes `predictor.onnx` and whoever runs it must agree on.

Inputs, for a batch of streams: `hidden` and `code0_embedding` float32 [batch, talker_hidden]; `uniform` float32
[15, batch] in [0, 1); `temperature` float32, `top_k` int64 and `top_p` float32 [batch]; `width` int64 [1], the most
probable tokens that are looked at. Greedy is temperature 1, top_k 1 and uniform 0; top_p 2 keeps everything.
`adapted` bool [1]: whether adapters are applied. What they add to a layer's matrix [rows, columns] is the transpose of
a b, float32 [adapters, columns, rank] and [adapters, rank, rows], named by `factor_name`: one a stream, or one for
all of them. Where none are applied, these are not looked at. A file without `adapted` takes no adapters.
Outputs: `codes` int32 [batch, 15]; `embedding_sum` float32 [batch, talker_hidden].

Its weights are constants that have names, for readers other than ONNX Runtime. Of each layer, `layers.N.` and: the
norms `before_attention`, `query_norm`, `key_norm`, `before_mlp`, and the matrices of `MATRICES`; `final`, the last
norm; of each code `heads.N` and `tables.N`; and `projection` with `projection.bias` where the talker is wider. A matrix
of floats is [columns, rows], one of few bits [rows, blocks, bytes] with `scales_name` [rows, blocks]; a table is [rows,
columns], with scales where it has 8 bits.
"""

from typing import Final

from timbre_common import adapters
from timbre_common.adapters import Sizes

CODES: Final = 15
"""Codes that the predictor makes for a frame: 1 to 15."""

VOCABULARY: Final = 2048
"""Values of such a code."""

ADAPTED: Final = "adapted"

MATRICES: Final = {
    "queries_keys_values": ("attn_q", "attn_k", "attn_v"),
    "output": ("attn_output",),
    "gate_up": ("ffn_gate", "ffn_up"),
    "down": ("ffn_down",),
}
"""A layer's matrices, and the weights that each is made of, row by row: `adapters.TARGETS`' values."""


def matrix_shapes(sizes: Sizes) -> dict[str, tuple[int, int]]:
    """Rows and columns of a layer's matrices."""
    return {
        matrix: (
            sum(adapters.weight_shape(target, sizes)[0] for target in targets),
            adapters.weight_shape(targets[0], sizes)[1],
        )
        for matrix, targets in MATRICES.items()
    }


def scales_name(constant: str) -> str:
    """Name of the scales of a constant of few bits."""
    return f"{constant}.scales"


def factor_name(layer: int, matrix: str, half: str) -> str:
    """Name of the input of the `half` ("a" or "b") of what adapters add to a layer's matrix."""
    return f"layers.{layer}.{matrix}.{half}"

"""An adapter file (GGUF): the keys of its metadata, and the tensors that fit a base model.

`timbre_loras` writes such files and the engine reads them; what both must agree on is here. A file holds, for each
adapted weight W [out, in] of the talker, `blk.N.TARGET.weight.lora_a` A [rank, in] and `.lora_b` B [out, rank];
llama.cpp computes W x + scale * alpha / rank * B (A x), with one alpha for the file and each pair's own rank.
What is adapted of the code predictor is a second file of the same form, with an architecture that llama.cpp refuses, in
the same folder. The first names it, and has its digest, which is the second's name where both were fetched.
"""

import re
from typing import Final, Protocol

TYPE: Final = "adapter"
ARCHITECTURE: Final = "qwen3tts"
PREDICTOR_ARCHITECTURE: Final = "qwen3tts-predictor"
METHOD: Final = "lora"

KEY_TYPE: Final = "general.type"
KEY_ARCHITECTURE: Final = "general.architecture"
KEY_METHOD: Final = "adapter.type"
KEY_ALPHA: Final = "adapter.lora.alpha"

KEY_NAME: Final = "timbre.name"
KEY_AGENT: Final = "timbre.agent"
KEY_BASE_DIGEST: Final = "timbre.base.digest"
"""`sha256:…` of the talker.gguf that it was made for: an engine with another base refuses it."""
KEY_BASE_NAME: Final = "timbre.base.name"
KEY_BASE_KIND: Final = "timbre.base.kind"
KEY_SPEAKER: Final = "timbre.speaker"
KEY_X_VECTOR: Final = "timbre.x_vector"
"""Array of `hidden` float32: the voice that it was trained as, where that is none of the base's speakers."""
X_VECTOR: Final = "x_vector"
"""The tensor of an x-vector in safetensors: [hidden] float32."""
KEY_LANGUAGE: Final = "timbre.language"
"""As the model's manifest names it, such as french."""
KEY_LAYOUT: Final = "timbre.text_layout"
"""`streaming` or `full`: how the text lay in the prompt while it was trained."""
LAYOUT_FULL: Final = "full"
KEY_RANK: Final = "timbre.rank"
"""uint32: the largest rank of a pair."""
KEY_SOURCE_ALPHA: Final = "timbre.alpha"
"""float32: lora_alpha as it was trained with, unless it was mixed. `adapter.lora.alpha` may differ, since variants are
folded into B."""
KEY_LICENCE: Final = "timbre.licence"
KEY_MERGED_FROM: Final = "timbre.merged.from"
"""Array of texts, one an adapter that it was mixed of: its weight, digest and name."""
KEY_PREDICTOR_FILE: Final = "timbre.predictor.file"
"""Name of the second file. It holds the beginning of the digest, so that two versions have two names."""
KEY_PREDICTOR_DIGEST: Final = "timbre.predictor.digest"
"""`sha256:…` of the second file."""
KEY_SOURCE_DIGEST: Final = "timbre.source.digest"
"""`sha256:…` of PEFT's adapter_config.json followed by its adapter_model.safetensors."""

TARGETS: Final = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}
"""PEFT's name of a projection -> llama.cpp's."""

_TENSOR: Final = re.compile(rf"blk\.(0|[1-9][0-9]{{0,3}})\.({'|'.join(TARGETS.values())})\.weight\.lora_([ab])")


class Sizes(Protocol):
    """Sizes of the base's talker, or of its code predictor."""

    @property
    def hidden(self) -> int: ...
    @property
    def layers(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def kv_heads(self) -> int: ...
    @property
    def head_dim(self) -> int: ...
    @property
    def ffn(self) -> int: ...


def tensor_name(layer: int, target: str, half: str) -> str:
    """Name of the `half` ("a" or "b") of a pair; `target` is llama.cpp's name."""
    return f"blk.{layer}.{target}.weight.lora_{half}"


def parse_tensor_name(name: str) -> tuple[int, str, str] | None:
    """Layer, target and half of a tensor's name, or None where it is no adapter's."""
    match = _TENSOR.fullmatch(name)
    return None if match is None else (int(match[1]), match[2], match[3])


def weight_shape(target: str, sizes: Sizes) -> tuple[int, int]:
    """(out, in) of the base's weight; `target` is llama.cpp's name. Raises KeyError."""
    queries = sizes.heads * sizes.head_dim
    keys = sizes.kv_heads * sizes.head_dim
    return {
        "attn_q": (queries, sizes.hidden),
        "attn_k": (keys, sizes.hidden),
        "attn_v": (keys, sizes.hidden),
        "attn_output": (sizes.hidden, queries),
        "ffn_gate": (sizes.ffn, sizes.hidden),
        "ffn_up": (sizes.ffn, sizes.hidden),
        "ffn_down": (sizes.hidden, sizes.ffn),
    }[target]

"""PEFT's `adapter_config.json`: rank and scale of each module, and what cannot be carried over."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from timbre_common import decoding
from timbre_common.errors import InvalidInput, Unsupported

FILE: Final = "adapter_config.json"
T = TypeVar("T")

_READ_ELSEWHERE: Final = {
    "peft_type",
    "r",
    "lora_alpha",
    "rank_pattern",
    "alpha_pattern",
    "use_rslora",
    "bias",
    "init_lora_weights",
}
_WITHOUT_EFFECT: Final = {
    "auto_mapping", "base_model_name_or_path", "corda_config", "ensure_weight_tying", "eva_config", "exclude_modules",
    "inference_mode", "layers_pattern", "layers_to_transform", "loftq_config", "lora_dropout",
    "lora_ga_config", "megatron_core", "peft_version", "qalora_group_size", "revision", "runtime_config",
    "target_modules", "task_type",
}  # fmt: skip
"""Fields that change nothing of a trained adapter's output (tensors say which modules were adapted)."""

_REFUSED: Final = {
    "use_dora": "DoRA scales each column by its magnitude",
    "modules_to_save": "whole modules were trained beside the adapter",
    "fan_in_fan_out": "weights stored as (in, out) are no part of this model",
    "lora_bias": "llama.cpp's adapters have no bias",
    "trainable_token_indices": "rows of an embedding were trained beside the adapter",
    "target_parameters": "parameters were adapted that are no linear layer's",
    "layer_replication": "the layers were stacked anew",
    "alora_invocation_tokens": "an adapter that switches itself on has no counterpart in speech",
    "use_qalora": "QALoRA pools the input",
}
_KEEPS_BASE: Final = {True, False, None, "gaussian", "orthogonal", "eva"}
"""`init_lora_weights` after which the base's weights are still the base's; PiSSA, OLoRA and others change them."""


class Config(msgspec.Struct, frozen=True):
    """The fields that make an adapter's rank and scale."""

    r: int
    lora_alpha: float
    peft_type: str = "LORA"
    bias: str = "none"
    use_rslora: bool = False
    rank_pattern: dict[str, int] | None = None
    alpha_pattern: dict[str, float] | None = None

    def rank(self, module: str) -> int:
        """Rank of a module, by its path in the model that PEFT wrapped."""
        return _matched(self.rank_pattern, module, self.r)

    def scale(self, module: str) -> float:
        """What PEFT multiplies B A x by. Raises InvalidInput."""
        alpha, rank = _matched(self.alpha_pattern, module, self.lora_alpha), self.rank(module)
        if rank < 1:
            raise InvalidInput(f"a rank is at least 1, not {rank}", module)
        if not 0 < alpha < math.inf:
            raise InvalidInput(f"alpha is more than 0, not {alpha:g}", module)
        return alpha / (math.sqrt(rank) if self.use_rslora else rank)


def read(data: bytes) -> Config:
    """The config in a file's bytes. Raises InvalidInput, or Unsupported that names what cannot be carried over."""
    fields = decoding.from_json(data, dict[str, Any])
    config = decoding.from_json(data, Config)
    if config.peft_type.upper() != "LORA":
        raise Unsupported(f"LORA is carried over, {config.peft_type} is not", "peft_type")
    if config.bias != "none":
        raise Unsupported(f"llama.cpp's adapters have no bias: train with bias none, not {config.bias}", "bias")
    for name in sorted(fields.keys() - _READ_ELSEWHERE - _WITHOUT_EFFECT):
        if fields[name]:
            raise Unsupported(_REFUSED.get(name, "this field is not known here, and may change the output"), name)
    way = fields.get("init_lora_weights")
    if not isinstance(way, bool | str | None) or way not in _KEEPS_BASE:
        raise Unsupported(
            f"{way} changes the base's weights: convert it to a plain LoRA with PEFT", "init_lora_weights"
        )
    return config


def _matched(patterns: Mapping[str, T] | None, module: str, otherwise: T) -> T:
    # PEFT: the first pattern that matches the whole path, or its end from a dot on.
    for pattern, value in (patterns or {}).items():
        try:
            if re.match(rf"(.*\.)?({pattern})$", module):
                return value
        except re.error as error:
            raise InvalidInput(f"no regular expression: {error}", pattern) from error
    return otherwise

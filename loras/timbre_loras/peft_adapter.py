"""A LoRA adapter as PEFT saves it: a directory's two files as pairs of matrices."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import safetensors
from numpy.typing import NDArray

from timbre_common import adapters
from timbre_common.errors import InvalidInput, SetupError, TooLarge, Unsupported
from timbre_loras import peft_config
from timbre_loras.base import Base
from timbre_loras.peft_config import Config

WEIGHTS: Final = "adapter_model.safetensors"
MAX_BYTES: Final = 2 << 30
"""Far more than rank 256 on every projection of the 1.7B; the file is read whole."""

_PLACE: Final = re.compile(
    r"(?:(?:base_model\.model|module|_orig_mod)\.)*"
    r"(?P<module>(?:talker\.)?(?P<predictor>code_predictor\.)?(?:model\.)?"
    r"layers\.(?P<layer>0|[1-9][0-9]{0,3})\.(?:self_attn|mlp)\.(?P<target>\w+))"
    r"\.lora_(?P<half>[AB])(?:\.default)?\.weight"
)
_FOREIGN: Final = {
    "lora_embedding": "LoRA on an embedding is not carried over",
    "embedding": "LoRA on an embedding is not carried over",
    "lora_magnitude": "DoRA is not carried over",
    "bias": "a bias is not carried over",
    "modules_to_save": "a module that was trained whole is not carried over",
}
"""Parts of a tensor's name that tell what it is, most telling first."""


@dataclass(frozen=True)
class Pair:
    """One adapted weight: y += scale * b (a x)."""

    layer: int
    target: str
    """llama.cpp's name of the projection."""
    a: NDArray[np.float32]
    """[rank, in]"""
    b: NDArray[np.float32]
    """[out, rank]"""
    scale: float

    @property
    def rank(self) -> int:
        """Rows of a, columns of b."""
        return int(self.a.shape[0])


@dataclass(frozen=True)
class Adapter:
    """A whole adapter."""

    config: Config
    talker: list[Pair]
    """By layer, then in the order of `adapters.TARGETS`."""
    predictor: list[Pair]
    """Of the code predictor, in the same order."""
    digest: str
    """`sha256:…` of the config's bytes followed by the weights'."""


@dataclass
class _Halves:
    module: str
    """Its path in the model that PEFT wrapped."""
    found: dict[str, tuple[str, NDArray[np.float32]]] = field(default_factory=dict)
    """A or B -> the tensor's name and values."""


_Places = dict[tuple[int, str], _Halves]
"""By layer and PEFT's name of the projection."""


def read(directory: Path, base: Base) -> Adapter:
    """The adapter in PEFT's directory, checked against the base's sizes.

    Raises SetupError where files are missing, InvalidInput or Unsupported that names what is wrong.
    """
    config_data, weights = _file(directory, peft_config.FILE), _file(directory, WEIGHTS)
    config = peft_config.read(config_data)
    try:
        tensors = dict(safetensors.deserialize(weights))  # type: ignore[no-untyped-call]
    except (safetensors.SafetensorError, ValueError) as error:
        raise InvalidInput(f"cannot be read: {error}", WEIGHTS) from error
    digest = hashlib.sha256(config_data)
    digest.update(weights)
    talker, predictor = _places(tensors)
    return Adapter(
        config,
        _pairs(talker, config, base.talker),
        _pairs(predictor, config, base.predictor),
        f"sha256:{digest.hexdigest()}",
    )


def _file(directory: Path, name: str) -> bytes:
    path = directory / name
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TooLarge(f"an adapter has at most {MAX_BYTES >> 20} MiB", name)
        return path.read_bytes()
    except OSError as error:
        hint = "; a pickle is not read: save with safe_serialization" if _only_pickle(directory, name) else ""
        raise SetupError(f"{directory} is no PEFT adapter: {name}: {error.strerror}{hint}") from error


def _only_pickle(directory: Path, name: str) -> bool:
    return name == WEIGHTS and (directory / "adapter_model.bin").exists()


def _places(tensors: Mapping[str, Mapping[str, Any]]) -> tuple[_Places, _Places]:
    """The talker's and the code predictor's."""
    talker: _Places = {}
    predictor: _Places = {}
    for name in sorted(tensors):
        match = _PLACE.fullmatch(name)
        if match is None or match["target"] not in adapters.TARGETS:
            raise Unsupported(_why_not(name, match), name)
        places = predictor if match["predictor"] else talker
        halves = places.setdefault((int(match["layer"]), match["target"]), _Halves(match["module"]))
        if match["half"] in halves.found:
            raise InvalidInput(f"the same matrix as {halves.found[match['half']][0]}", name)
        halves.found[match["half"]] = (name, values(name, tensors[name]))
    if not talker and not predictor:
        raise InvalidInput("there is no LoRA tensor in it", WEIGHTS)
    return talker, predictor


def _pairs(places: _Places, config: Config, sizes: adapters.Sizes) -> list[Pair]:
    order = list(adapters.TARGETS)
    return [
        _pair(layer, target, places[layer, target], config, sizes)
        for layer, target in sorted(places, key=lambda place: (place[0], order.index(place[1])))
    ]


def _why_not(name: str, match: re.Match[str] | None) -> str:
    if match is not None:
        return f"{match['target']} is no target here; {', '.join(adapters.TARGETS)} are"
    told = (why for part, why in _FOREIGN.items() if part in name)
    return next(told, "no LoRA tensor of the talker's layers, nor of the code predictor's")


def values(name: str, tensor: Mapping[str, Any]) -> NDArray[np.float32]:
    """A tensor of safetensors as float32. Raises InvalidInput that names it."""
    data, kind = tensor["data"], tensor["dtype"]
    if kind == "BF16":
        # A bfloat16 is the upper half of a float32.
        flat = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    elif kind in ("F32", "F16", "F64"):
        with np.errstate(over="ignore"):
            flat = np.frombuffer(data, {"F32": "<f4", "F16": "<f2", "F64": "<f8"}[kind]).astype(np.float32)
    else:
        raise Unsupported(f"{kind} is not read here; F32, F16 or BF16 is right", name)
    if not np.isfinite(flat).all():
        raise InvalidInput("it holds numbers that are not finite", name)
    return flat.reshape(tensor["shape"])


def _pair(layer: int, target: str, halves: _Halves, config: Config, sizes: adapters.Sizes) -> Pair:
    for half, other in ("AB", "BA"):
        if half not in halves.found:
            raise InvalidInput(f"its lora_{half} is missing", halves.found[other][0])
    (name_a, a), (name_b, b) = halves.found["A"], halves.found["B"]
    if layer >= sizes.layers:
        raise InvalidInput(f"the base has {sizes.layers} layers", name_a)
    rows, columns = adapters.weight_shape(adapters.TARGETS[target], sizes)
    rank = config.rank(halves.module)
    _refuse_other_shape(name_a, a.shape, (rank, columns))
    _refuse_other_shape(name_b, b.shape, (rows, rank))
    return Pair(layer, adapters.TARGETS[target], a, b, config.scale(halves.module))


def _refuse_other_shape(name: str, shape: Iterable[int], expected: tuple[int, int]) -> None:
    if tuple(shape) != expected:
        raise InvalidInput(f"its shape is {tuple(shape)}, not {expected} as the base and the config's rank want", name)

"""Tiny checkpoints beyond the golden one, written with its maker: the same bytes on every machine."""

import importlib.util
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from parity import vocabulary
from support import golden

DIALECT: Final = "sichuan_dialect"
DIALECT_SPEAKER: Final = "eric"
PREDICTOR_HIDDEN: Final = 128
_PREDICTOR: Final = "talker.code_predictor."

_BEFORE_MISTRAL_REGEX: Final = "4.57.0"
"""With a later version or none, the package's `fix_mistral_regex` cuts a local directory's text as Mistral does; that
of the same model named by its place on the Hub is, as its code reads, left to Qwen2's way, which is the engine's."""
_DEFAULTED: Final = ("rope_theta", "rms_norm_eps", "hidden_act")

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What is unlike the golden checkpoint."""

    name: str
    kind: str = "custom_voice"
    hidden: int = PREDICTOR_HIDDEN
    """The talker's width; unlike the predictor's, there is a projection between them, as in the 1.7B."""
    end: float = 1.0
    """Scale of the head's row for the end of speech: the larger, the more often it is the likeliest or the least."""
    bfloat16: bool = False
    shards: int = 1
    bare: bool = False
    """Leave out of `config.json` what has a default."""
    qwen: bool = False
    """Qwen's own vocabulary in place of the tiny one."""
    seed: int = 1


PLAIN: Final = Variant(name="plain")
ENDING: Final = Variant(name="ending", end=3)
EAGER: Final = Variant(name="eager", end=30)
"""Would end with the first token about every second time."""
WIDE: Final = Variant(name="wide", hidden=192)
BASE: Final = Variant(name="base", kind="base")
DESIGN: Final = Variant(name="design", kind="voice_design")
BFLOAT16: Final = Variant(name="bfloat16", bfloat16=True)
SHARDED: Final = Variant(name="sharded", shards=3)
BARE: Final = Variant(name="bare", bare=True)
QWEN: Final = Variant(name="qwen", qwen=True)
VARIANTS: Final = (PLAIN, ENDING, EAGER, WIDE, BASE, DESIGN, BFLOAT16, SHARDED, BARE, QWEN)


def write(variant: Variant, directory: Path, tiktoken: Path) -> Path:
    """Write a checkpoint in Hugging Face layout. `tiktoken`: the file with Qwen's vocabulary."""
    maker = _maker()
    maker.H = variant.hidden
    if variant.qwen:
        maker.FIRST_SPECIAL, maker.TEXT_V = vocabulary.SIZE, vocabulary.ROWS
    rng = np.random.Generator(np.random.PCG64(variant.seed))
    (directory / "speech_tokenizer").mkdir(parents=True)
    talker = maker.fill(_talker_shapes(maker), rng)
    talker["talker.codec_head.weight"][_config(maker, variant)["talker_config"]["codec_eos_token_id"]] *= variant.end
    _save(talker, directory, variant)
    _save(maker.fill(maker.codec_shapes(), rng), directory / "speech_tokenizer", variant)
    _write_json(directory / "config.json", _config(maker, variant))
    _write_json(directory / "generation_config.json", {"do_sample": True, "repetition_penalty": 1.05})
    _write_json(directory / "speech_tokenizer" / "config.json", maker.codec_config())
    maker.tokenizer_files(directory)
    if variant.qwen:
        vocabulary.write(tiktoken, directory)
    return directory


def _maker() -> Any:
    """The golden checkpoint's maker, a copy of its own, since its sizes are the module's variables."""
    spec = importlib.util.spec_from_file_location("make_checkpoint", golden.DATA / "make_checkpoint.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _talker_shapes(maker: Any) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = maker.talker_shapes()
    if maker.H != PREDICTOR_HIDDEN:
        width = PREDICTOR_HIDDEN
        prefix = f"{_PREDICTOR}model."
        sizes = (maker.P_LAYERS, width, maker.FFN, maker.HEADS, maker.KV_HEADS, maker.HEAD_DIM)
        shapes |= maker.transformer(prefix, *sizes)
        shapes |= {f"{_PREDICTOR}lm_head.{group}.weight": (maker.PRED_V, width) for group in range(maker.N_GROUPS - 1)}
        shapes[f"{_PREDICTOR}small_to_mtp_projection.weight"] = (width, maker.H)
        shapes[f"{_PREDICTOR}small_to_mtp_projection.bias"] = (width,)
    return shapes


def _config(maker: Any, variant: Variant) -> dict[str, Any]:
    config: dict[str, Any] = maker.config()
    config["tts_model_type"] = variant.kind
    config["transformers_version"] = _BEFORE_MISTRAL_REGEX
    talker = config["talker_config"]
    talker["code_predictor_config"]["hidden_size"] = PREDICTOR_HIDDEN
    talker["codec_language_id"] = {**talker["codec_language_id"], DIALECT: 2062}
    talker["spk_id"] = {**talker["spk_id"], DIALECT_SPEAKER: 2875}
    talker["spk_is_dialect"] = {**talker["spk_is_dialect"], DIALECT_SPEAKER: DIALECT}
    if variant.bare:
        for part, name in itertools.product((talker, talker["code_predictor_config"]), _DEFAULTED):
            part.pop(name, None)
    return config


def _save(tensors: Tensors, directory: Path, variant: Variant) -> None:
    if variant.bfloat16:
        tensors = {name: tensor.astype(ml_dtypes.bfloat16) for name, tensor in tensors.items()}
    metadata = {"format": "pt"}
    if variant.shards == 1:
        save_file(tensors, directory / "model.safetensors", metadata=metadata)
        return
    names = sorted(tensors)
    weight_map: dict[str, str] = {}
    for number in range(variant.shards):
        file = f"model-{number + 1:05}-of-{variant.shards:05}.safetensors"
        part = {name: tensors[name] for name in names[number :: variant.shards]}
        save_file(part, directory / file, metadata=metadata)
        weight_map |= dict.fromkeys(part, file)
    _write_json(directory / "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=1))

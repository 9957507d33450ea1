"""The second file of llama.cpp's own speech path, its mmproj: predictor, codec and speaker encoder of random weights.

Names and storage are those that llama.cpp's converter (conversion/qwen3tts.py of b11549) gives a 0.6B checkpoint with
`--outtype q8_0`; of its code predictor, the down projections stay float32.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray

from timbre_engine.convert.synthetic_codec import CONFIG, random_codec_tensors
from timbre_engine.convert.synthetic_predictor import predictor_tensors
from timbre_engine.model.manifest import Manifest
from timbre_engine.model.predictor import CODES

Tensor = NDArray[np.float32]
Tensors = dict[str, Tensor]

_LAYER: Final = {
    "input_layernorm.weight": "ln1.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.q_norm.weight": "attn_q_norm.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.k_norm.weight": "attn_k_norm.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_out.weight",
    "self_attn_layer_scale.scale": "ls1.weight",
    "post_attention_layernorm.weight": "ln2.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
    "mlp_layer_scale.scale": "ls2.weight",
}
_UPSAMPLE: Final = {
    "0.conv": "conv",
    "1.dwconv.conv": "dwconv",
    "1.norm": "norm",
    "1.pwconv1": "pw1",
    "1.pwconv2": "pw2",
}
_HALF: Final = (
    "pre_conv.weight",
    "dac.entry.weight",
    "post_conv.weight",
    "dwconv.weight",
    "conv1.weight",
    "conv2.weight",
)
"""Ends of the codec's convolutions that are kept as float16."""


def write_mmproj(path: Path, manifest: Manifest) -> None:
    """Write the file for a model directory's sizes."""
    writer = gguf.GGUFWriter(path, "clip")
    _metadata(writer, manifest)
    for tensors in (_predictor(manifest), _codec(), _speaker_encoder(manifest.talker.hidden)):
        for name, values in tensors:
            kind = _kind(name, values)
            writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _kind(name: str, values: Tensor) -> Type:
    codec = name.startswith("a.gen.wav.")
    if values.ndim == 1 or not name.endswith(".weight"):
        return Type.F32
    if codec and name.endswith(_HALF):
        return Type.F16
    if (codec and name.endswith(".conv.weight")) or (
        name.startswith("a.gen.code.") and name.endswith("ffn_down.weight")
    ):
        return Type.F32
    return Type.Q8_0 if values.shape[-1] % 32 == 0 else Type.F16


def _metadata(writer: gguf.GGUFWriter, manifest: Manifest) -> None:
    sizes = manifest.predictor
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    for part, kind, numbers, eps in (
        (
            "audio",
            "qwen3tts_spkenc",
            {"num_mel_bins": 128, "block_count": 3, "embedding_length": 1536, "attention.head_count": 1}
            | {"feed_forward_length": 1536},
            1e-5,
        ),
        (
            "gen.audio",
            "qwen3tts_gen",
            {"block_count": sizes.layers, "embedding_length": sizes.hidden, "attention.head_count": sizes.heads}
            | {"attention.head_count_kv": sizes.kv_heads, "feed_forward_length": sizes.ffn},
            sizes.norm_eps,
        ),
    ):
        writer.add_bool(f"clip.has_{part.replace('.', '_')}_encoder", True)
        writer.add_string(f"clip.{part}.projector_type", kind)
        writer.add_uint32(f"clip.{part}.projection_dim", manifest.talker.hidden)
        writer.add_float32(f"clip.{part}.attention.layer_norm_epsilon", eps)
        for name, number in numbers.items():
            writer.add_uint32(f"clip.{part}.{name}", number)


def _predictor(manifest: Manifest) -> Iterator[tuple[str, Tensor]]:
    found = predictor_tensors(manifest.talker.hidden, manifest.predictor, seed=1)
    prefix, own = "talker.code_predictor.", "a.gen.code."
    for mine, theirs in (("embd", "model.codec_embedding"), ("head", "lm_head")):
        yield f"{own}{mine}.weight", np.stack([found[f"{prefix}{theirs}.{book}.weight"] for book in range(CODES)])
    yield f"{own}output_norm.weight", found[f"{prefix}model.norm.weight"]
    for end in ("weight", "bias"):
        if (projection := found.get(f"{prefix}small_to_mtp_projection.{end}")) is not None:
            yield f"{own}proj_in.{end}", projection
    yield f"{own}out_embd.weight", _random(manifest.codec_ids.vocabulary, manifest.talker.hidden)
    yield from _layers(found, f"{prefix}model.layers.", own)


def _layers(found: Tensors, prefix: str, own: str) -> Iterator[tuple[str, Tensor]]:
    for name, values in found.items():
        if name.startswith(prefix):
            layer, _, rest = name.removeprefix(prefix).partition(".")
            yield f"{own}blk.{layer}.{_LAYER[rest]}", values


def _codec() -> Iterator[tuple[str, Tensor]]:
    found = {name.removeprefix("decoder."): values for name, values in random_codec_tensors(CONFIG).items()}
    sizes, own = CONFIG["decoder_config"], "a.gen.wav."
    half = sizes["codebook_dim"] // 2
    for group, books in (("first", 1), ("rest", CODES)):
        name = f"quantizer.rvq_{group}."
        tables = [_codebook(found, f"{name}vq.layers.{book}._codebook.") for book in range(books)]
        yield f"{own}quant.{group}.codebook.weight", np.stack(tables) if books > 1 else tables[0]
        yield f"{own}quant.{group}.out_proj.weight", found[f"{name}output_proj.weight"][:, :, 0]
        yield f"{own}quant.{group}.in_proj.weight", _random(half, sizes["codebook_dim"])
    yield from _both(found, "pre_conv.conv", f"{own}pre_conv")
    yield from _both(found, "pre_transformer.input_proj", f"{own}tfm.in_proj")
    yield from _both(found, "pre_transformer.output_proj", f"{own}tfm.out_proj")
    yield f"{own}tfm.output_norm.weight", found["pre_transformer.norm.weight"]
    yield from _layers(found, "pre_transformer.layers.", f"{own}tfm.")
    for stage in range(len(sizes["upsampling_ratios"])):
        for theirs, mine in _UPSAMPLE.items():
            yield from _both(found, f"upsample.{stage}.{theirs}", f"{own}up.blk.{stage}.{mine}")
        yield f"{own}up.blk.{stage}.gamma", found[f"upsample.{stage}.1.gamma"]
    yield from _both(found, "decoder.0.conv", f"{own}dac.entry")
    end = len(sizes["upsample_rates"]) + 1
    for block in range(end - 1):
        theirs, mine = f"decoder.{block + 1}.block.", f"{own}dac.blk.{block}."
        yield from _snake(found, f"{theirs}0", f"{mine}snake")
        yield from _both(found, f"{theirs}1.conv", f"{mine}conv")
        for unit in range(3):
            for number in (1, 2):
                yield from _snake(found, f"{theirs}{unit + 2}.act{number}", f"{mine}res.{unit}.act{number}")
                yield from _both(found, f"{theirs}{unit + 2}.conv{number}.conv", f"{mine}res.{unit}.conv{number}")
    yield from _snake(found, f"decoder.{end}", f"{own}dac.post_snake")
    yield from _both(found, f"decoder.{end + 1}.conv", f"{own}dac.post_conv")


def _codebook(found: Tensors, name: str) -> Tensor:
    table: Tensor = found[f"{name}embedding_sum"] / found[f"{name}cluster_usage"][:, None]
    return table


def _both(found: Tensors, theirs: str, mine: str) -> Iterator[tuple[str, Tensor]]:
    for end in ("weight", "bias"):
        yield f"{mine}.{end}", found[f"{theirs}.{end}"]


def _snake(found: Tensors, theirs: str, mine: str) -> Iterator[tuple[str, Tensor]]:
    yield f"{mine}.alpha", np.exp(found[f"{theirs}.alpha"])
    yield f"{mine}.beta", np.reciprocal(np.exp(found[f"{theirs}.beta"]) + np.float32(1e-9))


def _speaker_encoder(hidden: int) -> Iterator[tuple[str, Tensor]]:
    """Loaded by llama.cpp in any case, though a named speaker does not need it."""
    convolutions = {"a.conv1d.0": (512, 128, 5), "a.conv_out": (1536, 1536, 1), "a.asp_tdnn": (128, 4608, 1)}
    convolutions |= {"a.asp_attn": (1536, 128, 1), "mm.a.fc": (hidden, 3072, 1)}
    for block in (1, 2, 3):
        name = f"a.blk.{block}."
        convolutions |= {f"{name}conv_pw{number}": (512, 512, 1) for number in (1, 2)}
        convolutions |= {f"{name}se_conv1": (128, 512, 1), f"{name}se_conv2": (512, 128, 1)}
        convolutions |= {f"{name}res2.{branch}": (64, 64, 3) for branch in range(7)}
    for name, shape in convolutions.items():
        yield f"{name}.weight", _random(*shape)
        yield f"{name}.bias", _random(shape[0])


def _random(*shape: int) -> Tensor:
    noise = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    return noise / np.float32(np.sqrt(shape[-1]))

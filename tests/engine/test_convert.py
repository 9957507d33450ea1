"""Conversion: whole or not at all, every tensor accounted for, whatever the checkpoint's form."""

import json
import shutil
from pathlib import Path
from typing import Any

import gguf
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from support import golden
from timbre_common.errors import InvalidInput, SetupError, TimbreError
from timbre_engine.commands.convert import inspect
from timbre_engine.convert import pipeline
from timbre_engine.model import manifest as manifests
from timbre_engine.model.manifest import Kind, Quantisation


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden.make_checkpoint(tmp_path_factory.mktemp("convert") / "checkpoint")


@pytest.fixture
def checkpoint(pristine: Path, tmp_path: Path) -> Path:
    """A checkpoint of one's own, to be changed."""
    return shutil.copytree(pristine, tmp_path / "checkpoint")


def convert(checkpoint: Path, target: Path, quantisation: Quantisation = Quantisation.F32) -> manifests.Manifest:
    return pipeline.convert(checkpoint, target, quantisation, lambda _: None)


def edit(path: Path, **fields: Any) -> None:
    """Change fields of a JSON file; None takes one away."""
    data = json.loads(path.read_text())
    for name, value in fields.items():
        data.pop(name, None)
        if value is not None:
            data[name] = value
    path.write_text(json.dumps(data))


@pytest.mark.parametrize("quantisation", list(Quantisation))
def test_every_form_is_whole_and_verified(checkpoint: Path, tmp_path: Path, quantisation: Quantisation) -> None:
    told: list[str] = []
    target = tmp_path / "model"
    made = pipeline.convert(checkpoint, target, quantisation, told.append)
    assert manifests.read(target) == made
    manifests.verify(target, made)
    assert (made.kind, made.quantisation, made.size) == (Kind.CUSTOM_VOICE, quantisation, "1b7")
    assert made.speakers == {"vivian": 3065, "ryan": 3061}
    assert {path.name for path in target.iterdir()} == {manifests.FILE, *made.files}
    assert len(told) == 3 + 2 * 11 + 3
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_talker_is_laid_out_as_llama_cpp_has_it(checkpoint: Path, tmp_path: Path) -> None:
    convert(checkpoint, tmp_path / "model")
    reader = gguf.GGUFReader(tmp_path / "model" / manifests.TALKER)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    assert fields["general.architecture"] == "qwen3tts"
    assert fields["qwen3tts.rope.dimension_sections"] == [6, 5, 5, 0]
    assert fields["tokenizer.ggml.eos_token_id"] == 1024 + 2150
    tokens = fields["tokenizer.ggml.tokens"]
    assert tokens[1024 + 2149 : 1024 + 2151] == ["<|codec_bos|>", "<|codec_eos_token|>"]
    assert tokens[1024 + 2061] == "<|codec_language_french|>"
    assert tokens[1024 + 7] == "<|codec_7|>"
    shapes = {tensor.name: tuple(reversed(tensor.shape.tolist())) for tensor in reader.tensors}
    assert shapes["token_embd.weight"] == (1024 + 3072, 128)
    assert shapes["output.weight"] == (3072, 128)


def test_bfloat16_in_shards_is_read_as_it_is(checkpoint: Path, tmp_path: Path) -> None:
    tensors = {
        name: each.astype(ml_dtypes.bfloat16) for name, each in load_file(checkpoint / "model.safetensors").items()
    }
    whole = {name: each.astype(np.float32) for name, each in tensors.items()}
    save_file(whole, checkpoint / "model.safetensors")
    expected = convert(checkpoint, tmp_path / "whole")
    (checkpoint / "model.safetensors").unlink()
    names = sorted(tensors)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, held in shards.items():
        save_file({name: tensors[name] for name in held}, checkpoint / file)
    index = {"weight_map": {name: file for file, held in shards.items() for name in held}}
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps(index))
    assert convert(checkpoint, tmp_path / "sharded").files == expected.files


def test_a_tensor_that_is_not_known_is_named(checkpoint: Path, tmp_path: Path) -> None:
    tensors = load_file(checkpoint / "model.safetensors")
    save_file(tensors | {"talker.new_part.weight": np.zeros(3, np.float32)}, checkpoint / "model.safetensors")
    with pytest.raises(InvalidInput, match="older than the model") as refused:
        convert(checkpoint, tmp_path / "model")
    assert refused.value.field == "talker.new_part.weight"
    assert not (tmp_path / "model").exists()


def test_a_speaker_encoder_is_knowingly_skipped(checkpoint: Path, tmp_path: Path) -> None:
    tensors = load_file(checkpoint / "model.safetensors")
    save_file(tensors | {"speaker_encoder.fc.weight": np.zeros(3, np.float32)}, checkpoint / "model.safetensors")
    convert(checkpoint, tmp_path / "model")


def without(name: str) -> Any:
    def change(checkpoint: Path) -> None:
        (checkpoint / name).unlink()

    return change


def lacking(tensor: str) -> Any:
    def change(checkpoint: Path) -> None:
        tensors = load_file(checkpoint / "model.safetensors")
        del tensors[tensor]
        save_file(tensors, checkpoint / "model.safetensors")

    return change


def with_config(**fields: Any) -> Any:
    return lambda checkpoint: edit(checkpoint / "config.json", **fields)


def truncated(checkpoint: Path) -> None:
    path = checkpoint / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without("config.json"), "config.json"),
        (without("model.safetensors"), "model.safetensors is missing"),
        (without("merges.txt"), "merges.txt"),
        (without("speech_tokenizer/model.safetensors"), "speech_tokenizer"),
        (lacking("talker.codec_head.weight"), "talker.codec_head.weight: missing"),
        (truncated, "model.safetensors"),
        (with_config(model_type="llama"), "model_type: qwen3_tts is right"),
        (with_config(tts_model_type="opera"), "tts_model_type: one of base"),
        (with_config(tts_pad_token_id=None), "tts_pad_token_id: a whole number"),
        (with_config(talker_config=7), "talker_config: an object"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_left(checkpoint: Path, tmp_path: Path, change: Any, says: str) -> None:
    change(checkpoint)
    with pytest.raises(TimbreError, match=says):
        convert(checkpoint, tmp_path / "model")
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint"}


def test_an_interrupted_run_leaves_nothing(checkpoint: Path, tmp_path: Path) -> None:
    def interrupt(name: str) -> None:
        if name == manifests.PREDICTOR:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.convert(checkpoint, tmp_path / "model", Quantisation.F32, interrupt)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint"}


def test_a_directory_in_use_is_not_overwritten(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(SetupError, match="not empty"):
        convert(checkpoint, tmp_path)


def test_inspect_tells_a_changed_file(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    convert(checkpoint, tmp_path / "model")
    inspect(tmp_path / "model")
    assert "every file is as it was converted" in capsys.readouterr().out
    talker = tmp_path / "model" / manifests.TALKER
    data = bytearray(talker.read_bytes())
    data[-1] ^= 1
    talker.write_bytes(data)
    with pytest.raises(InvalidInput, match=r"files\.talker\.gguf"):
        inspect(tmp_path / "model")

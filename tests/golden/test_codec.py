"""The codec decoder against the reference implementation's waveform, however the frames are cut."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from support import golden
from support.codecs import WAYS
from timbre_common.errors import InvalidInput, SetupError
from timbre_engine.commands.decode import decode
from timbre_engine.convert.checkpoint import Checkpoint
from timbre_engine.convert.codec import write_codec
from timbre_engine.convert.synthetic_codec import write_codec_checkpoint
from timbre_engine.model import manifest
from timbre_engine.qwen3tts.codec import Codec
from timbre_engine.qwen3tts.decoder import AnyDecoder, State

FRAMES = 30
CLOSE = 1e-4
CODES = golden.answers()["codec.codes"]
PCM = golden.answers()["codec.pcm"]


@pytest.fixture(scope="session")
def path(checkpoint: Path) -> Path:
    made = checkpoint / manifest.CODEC
    about = write_codec(Checkpoint(checkpoint / "speech_tokenizer"), made)
    assert about == manifest.Codec(codebooks=16, samples_per_frame=1920, sample_rate=24000)
    return made


@pytest.fixture(scope="module", params=WAYS)
def load(request: pytest.FixtureRequest) -> Callable[[Path], AnyDecoder]:
    return WAYS[request.param]


@pytest.fixture(scope="module")
def codec(load: Callable[[Path], AnyDecoder], path: Path) -> AnyDecoder:
    return load(path)


@pytest.fixture
def tokenizer(checkpoint: Path, tmp_path: Path) -> Path:
    """A speech tokenizer of one's own, to be broken."""
    return shutil.copytree(checkpoint / "speech_tokenizer", tmp_path / "speech_tokenizer")


def cut(codec: AnyDecoder, lengths: list[int], state: State | None = None, start: int = 0) -> NDArray[np.float32]:
    state = state or codec.state()
    pieces = []
    for length in lengths:
        pieces.append(codec.decode(CODES[start : start + length], state))
        start += length
    return np.concatenate(pieces)


def assert_close(found: NDArray[np.float32], start: int = 0) -> None:
    expected = PCM[start * 1920 : start * 1920 + len(found)]
    assert found.dtype == np.float32 and len(found) == len(expected)
    assert np.abs(found - expected).max() < CLOSE


@pytest.mark.parametrize(
    "lengths",
    [[30], [1] * 30, [2] * 15, [1, 3, 2] * 5, [29, 1], [1, 29], [7, 8, 9, 6], [4, 0, 8, 12, 6]],
    ids=str,
)
def test_any_cutting_gives_the_reference_waveform(codec: AnyDecoder, lengths: list[int]) -> None:
    found = cut(codec, lengths)
    assert len(found) == FRAMES * 1920
    assert_close(found)


@settings(max_examples=25, deadline=None)
@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=30))
def test_any_cutting_at_all(codec: AnyDecoder, lengths: list[int]) -> None:
    while sum(lengths) > FRAMES:
        lengths.pop()
    if lengths:
        assert_close(cut(codec, lengths))


def test_two_threads_give_the_same(path: Path) -> None:
    assert_close(cut(Codec(path, threads=2), [5, 25]))


def test_streams_in_several_threads_do_not_mix(codec: AnyDecoder) -> None:
    with ThreadPoolExecutor() as pool:
        for found in pool.map(lambda length: cut(codec, [length] * (FRAMES // length)), [1, 2, 3]):
            assert_close(found)


def test_nothing_gives_nothing(codec: AnyDecoder) -> None:
    assert len(codec.decode(CODES[:0], codec.state())) == 0
    assert codec.decode_batch([], []) == []
    assert [len(each) for each in codec.decode_batch([CODES[:0]] * 2, [codec.state(), codec.state()])] == [0, 0]


def test_streams_at_different_positions_share_a_run(codec: AnyDecoder) -> None:
    starts = [0, 3, 19]
    states = [codec.state() for _ in starts]
    for start, state in zip(starts, states, strict=True):
        cut(codec, [start], state)
    for length in (1, 2, 4, 2):
        found = codec.decode_batch([CODES[start : start + length] for start in starts], states)
        for start, samples in zip(starts, found, strict=True):
            assert_close(samples, start)
        starts = [start + length for start in starts]
    for start, state in zip(starts, states, strict=True):
        assert_close(cut(codec, [30 - start], state, start), start)


def test_a_batch_too_long_for_one_run(codec: AnyDecoder) -> None:
    states = [codec.state(), codec.state()]
    found = codec.decode_batch([CODES, CODES], states)
    assert len(found) == 2
    for samples in found:
        assert_close(samples)


def test_a_copied_state_goes_its_own_way(codec: AnyDecoder) -> None:
    primed = codec.state()
    cut(codec, [12], primed)
    for _ in range(2):
        assert_close(cut(codec, [1, 9, 8], primed.copy(), 12), 12)
    assert_close(cut(codec, [18], primed, 12), 12)


@pytest.mark.parametrize(
    ("codes", "field"),
    [
        (np.zeros((2, 15), np.int64), "codes"),
        (np.zeros(16, np.int64), "codes"),
        (np.zeros((2, 16), np.float32), "codes"),
        (np.zeros((2, 16), np.bool_), "codes"),
        (np.full((1, 16), 2048), "codes[0][0]"),
        (np.concatenate([np.zeros((1, 16), np.int64), np.full((1, 16), -1)]), "codes[1][0]"),
        (np.full((1, 16), 2**63, np.uint64), "codes[0][0]"),
    ],
)
def test_bad_codes_are_refused_and_leave_the_state(codec: AnyDecoder, codes: NDArray[Any], field: str) -> None:
    state = codec.state()
    with pytest.raises(InvalidInput) as refused:
        codec.decode(codes, state)
    assert refused.value.field == field
    assert_close(cut(codec, [30], state))


def test_bad_batches_are_refused(codec: AnyDecoder) -> None:
    with pytest.raises(InvalidInput, match="equally many"):
        codec.decode_batch([CODES[:1], CODES[:2]], [codec.state(), codec.state()])
    with pytest.raises(InvalidInput, match="as many states"):
        codec.decode_batch([CODES[:1]], [])
    with pytest.raises(InvalidInput) as refused:
        codec.decode_batch([CODES[:1], CODES[:1] + 2048], [codec.state(), codec.state()])
    assert refused.value.field == "codes[1][0][0]"


def test_a_file_that_is_no_codec_is_refused(tmp_path: Path) -> None:
    (tmp_path / "codec.onnx").write_bytes(b"no model")
    with pytest.raises(SetupError, match="convert the checkpoint again"):
        Codec(tmp_path / "codec.onnx")


def test_an_unknown_tensor_is_refused(tokenizer: Path) -> None:
    weights = tokenizer / "model.safetensors"
    tensors = load_file(weights)
    save_file(tensors | {"encoder.layer.weight": np.zeros(3, np.float32)}, weights)
    write_codec(Checkpoint(tokenizer), tokenizer / "codec.onnx")
    save_file(tensors | {"decoder.pre_conv.conv.extra": np.zeros(3, np.float32)}, weights)
    with pytest.raises(InvalidInput) as refused:
        write_codec(Checkpoint(tokenizer), tokenizer / "codec.onnx")
    assert refused.value.field == "decoder.pre_conv.conv.extra"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("decoder_config", None),
        ("decoder_config.hidden_size", "wide"),
        ("decoder_config.hidden_act", "gelu"),
        ("decoder_config.num_key_value_heads", 2),
        ("decoder_config.sliding_window", 1),
        ("decoder_config.codebook_dim", 63),
        ("decoder_config.attention_bias", True),
        ("decoder_config.rope_scaling", {"type": "linear"}),
        ("decoder_config.upsample_rates", []),
        ("decoder_config.decoder_dim", 90),
        ("decode_upsample_rate", 1921),
        ("output_sample_rate", None),
    ],
)
def test_a_surprising_config_is_refused(tokenizer: Path, field: str, value: object) -> None:
    config = json.loads((tokenizer / "config.json").read_text())
    *above, name = field.split(".")
    (config[above[0]] if above else config)[name] = value
    (tokenizer / "config.json").write_text(json.dumps(config))
    with pytest.raises(InvalidInput) as refused:
        write_codec(Checkpoint(tokenizer), tokenizer / "codec.onnx")
    assert refused.value.field == field


def test_a_tensor_of_another_shape_is_refused(tokenizer: Path) -> None:
    config = json.loads((tokenizer / "config.json").read_text())
    config["decoder_config"]["intermediate_size"] = 64
    (tokenizer / "config.json").write_text(json.dumps(config))
    with pytest.raises(InvalidInput, match=r"not \(64, 64\)"):
        write_codec(Checkpoint(tokenizer), tokenizer / "codec.onnx")


def test_random_weights_make_a_codec(load: Callable[[Path], AnyDecoder], checkpoint: Path, tmp_path: Path) -> None:
    config = json.loads((checkpoint / "speech_tokenizer" / "config.json").read_text())
    write_codec_checkpoint(tmp_path, config)
    write_codec(Checkpoint(tmp_path), tmp_path / "codec.onnx")
    codec = load(tmp_path / "codec.onnx")
    samples = codec.decode(CODES, codec.state())
    assert 0.01 < samples.std() < 0.5 and np.abs(samples).max() < 1


def test_a_wide_codec_is_the_same_either_way(checkpoint: Path, tmp_path: Path) -> None:
    """Whose products at points lie in constants of their own, and whose frames fill the window."""
    config = json.loads((checkpoint / "speech_tokenizer" / "config.json").read_text())
    config["decoder_config"]["decoder_dim"] = 512
    write_codec_checkpoint(tmp_path, config)
    write_codec(Checkpoint(tmp_path), tmp_path / "codec.onnx")
    found = [cut(load(tmp_path / "codec.onnx"), [1, 2, 4, 3] * 3) for load in WAYS.values()]
    assert found[0].std() > 0.01
    assert np.abs(found[0] - found[1]).max() < CLOSE


@pytest.mark.parametrize("threads", [0, 1])
@pytest.mark.parametrize("chunks", ["30", "1,3,2", " 4, 9"])
def test_the_command_decodes_a_file(model_dir: Path, tmp_path: Path, chunks: str, threads: int) -> None:
    np.save(tmp_path / "codes.npy", CODES)
    decode(model_dir, tmp_path / "codes.npy", tmp_path / "out.npy", chunks=chunks, threads=threads)
    found = np.load(tmp_path / "out.npy")
    assert len(found) == len(PCM)
    assert_close(found)


@pytest.mark.parametrize("chunks", ["", "0", "1,,2", "-1", "1.5", "²", "9" * 5000])
def test_the_command_refuses_bad_chunks(model_dir: Path, tmp_path: Path, chunks: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode(model_dir, tmp_path / "codes.npy", tmp_path / "out.npy", chunks=chunks)
    assert refused.value.field == "chunks"


def test_the_command_refuses_bad_files(model_dir: Path, tmp_path: Path) -> None:
    codes, out = tmp_path / "codes.npy", tmp_path / "out.npy"
    with pytest.raises(SetupError, match="cannot read"):
        decode(model_dir, codes, out)
    for data in (b"", b"no array", b"\x93NUMPY\x01\x00"):
        codes.write_bytes(data)
        with pytest.raises(InvalidInput, match=r"no \.npy file"):
            decode(model_dir, codes, out)
    np.save(codes, np.array([{}], dtype=object))
    with pytest.raises(InvalidInput, match=r"no \.npy file"):
        decode(model_dir, codes, out)
    np.save(codes, CODES.T)
    with pytest.raises(InvalidInput, match="whole numbers"):
        decode(model_dir, codes, out)
    np.save(codes, CODES)
    with pytest.raises(SetupError, match="cannot write"):
        decode(model_dir, codes, tmp_path / "missing" / "out.npy")
    with pytest.raises(SetupError, match="no model directory"):
        decode(tmp_path, codes, out)
    with pytest.raises(InvalidInput, match="0 or more"):
        decode(model_dir, codes, out, threads=-1)

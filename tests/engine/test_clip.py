"""Voice files that nobody vouches for."""

import json
import struct
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from timbre_common import mixing
from timbre_common.errors import InvalidInput, TooLarge
from timbre_engine.model.manifest import Sampling
from timbre_engine.qwen3tts import clip, prompt, specs
from timbre_engine.qwen3tts.clip import Clip
from timbre_engine.qwen3tts.specs import Spec
from timbre_engine.qwen3tts.talker import PrefixKey

MANIFEST = cast(
    Any,
    SimpleNamespace(
        talker=SimpleNamespace(hidden=8),
        codec=SimpleNamespace(codebooks=4),
        codec_ids=SimpleNamespace(codes=2048),
    ),
)
VECTOR = np.arange(8, dtype=np.float32)
CODES = np.array([[0, 1, 2, 2047], [5, 6, 7, 8]], np.int16)


def read(tmp_path: Path, data: bytes, digest: str | None = None) -> Clip:
    path = tmp_path / "voice.safetensors"
    path.write_bytes(data)
    return clip.read(path, MANIFEST, digest)


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.int64, np.uint16])
def test_a_recording(tmp_path: Path, kind: type[np.integer[Any]]) -> None:
    data = save({"x_vector": VECTOR, "codes": CODES.astype(kind)}, {"text": " Bonjour à tous. ", "language": "french"})
    found = read(tmp_path, data, f"sha256:{sha256(data).hexdigest()}")
    assert found.codes is not None and found.codes.dtype == np.int32
    np.testing.assert_array_equal(found.codes, CODES)
    np.testing.assert_array_equal(found.x_vector, VECTOR)
    assert found.text == "Bonjour à tous."


def test_an_x_vector_alone(tmp_path: Path) -> None:
    for metadata in (None, {"text": "Bonjour."}):
        found = read(tmp_path, save({"x_vector": VECTOR}, metadata))
        assert (found.codes, found.text) == (None, "")


def test_the_key_tells_clips_apart() -> None:
    codes = CODES.astype(np.int32)
    clips = [
        Clip(x_vector=VECTOR),
        Clip(x_vector=VECTOR + 1),
        Clip(x_vector=VECTOR, codes=codes, text="Oui."),
        Clip(x_vector=VECTOR, codes=codes + 1, text="Oui."),
        Clip(x_vector=VECTOR, codes=codes, text="Non."),
    ]
    assert len({each.key for each in clips}) == len(clips)
    assert clips[2].key == Clip(x_vector=VECTOR.copy(), codes=codes.copy(), text="Oui.").key


GOOD: dict[str, Any] = {"x_vector": VECTOR, "codes": CODES}
SAID = {"text": "Bonjour."}
REFUSED: list[tuple[Mapping[str, Any], dict[str, str] | None, str]] = [
    ({}, None, "reference.x_vector"),
    ({"codes": CODES}, SAID, "reference.x_vector"),
    ({"x_vector": VECTOR[:7]}, None, "reference.x_vector"),
    ({"x_vector": VECTOR[None]}, None, "reference.x_vector"),
    ({"x_vector": VECTOR.astype(np.float16)}, None, "reference.x_vector"),
    ({"x_vector": VECTOR * np.float32("nan")}, None, "reference.x_vector"),
    ({"x_vector": VECTOR + np.float32("inf")}, None, "reference.x_vector"),
    ({"x_vector": VECTOR, "code": CODES}, SAID, "reference"),
    (GOOD, None, "reference.text"),
    (GOOD, {"text": "  "}, "reference.text"),
    (GOOD, {"Text": "Bonjour."}, "reference.text"),
    (GOOD | {"codes": CODES[:, :3]}, SAID, "reference.codes"),
    (GOOD | {"codes": CODES.ravel()}, SAID, "reference.codes"),
    (GOOD | {"codes": CODES[:0]}, SAID, "reference.codes"),
    (GOOD | {"codes": CODES.astype(np.float32)}, SAID, "reference.codes"),
    (GOOD | {"codes": CODES.astype(bool)}, SAID, "reference.codes"),
    (GOOD | {"codes": CODES + np.int16(1)}, SAID, "reference.codes[0][3]"),
    (GOOD | {"codes": CODES - np.int16(6)}, SAID, "reference.codes[0][0]"),
    (GOOD | {"codes": np.full((1, 4), 2**63, np.uint64)}, SAID, "reference.codes[0][0]"),
]


@pytest.mark.parametrize(("tensors", "metadata", "field"), REFUSED)
def test_what_is_wrong_is_named(
    tmp_path: Path, tensors: dict[str, Any], metadata: dict[str, str] | None, field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(tmp_path, save(tensors, metadata))
    assert refused.value.field == field


def headed(header: Any) -> bytes:
    data = json.dumps(header).encode()
    return struct.pack("<Q", len(data)) + data + bytes(4)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", "reference"),
        (b"GGUF" * 10, "reference"),
        (struct.pack("<Q", 2**60) + b"{}", "reference"),
        (headed({"x": {"dtype": "I32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}), "reference"),
        (headed({"x": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}), "reference"),
        (save({"x_vector": VECTOR})[:-1], "reference"),
        (bytes(clip.MAX_BYTES + 1), "reference.path"),
    ],
    ids=["empty", "foreign", "long header", "vast", "no type of numpy's", "cut off", "over the bound"],
)
def test_what_is_no_voice_file_is_refused(tmp_path: Path, data: bytes, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(tmp_path, data)
    assert refused.value.field == field


def test_another_digest_a_folder_and_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(tmp_path, save({"x_vector": VECTOR}), f"sha256:{'0' * 64}")
    assert refused.value.field == "reference.digest"
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InvalidInput) as refused:
            clip.read(path, MANIFEST)
        assert refused.value.field == "reference.path"


@given(st.binary(max_size=64), st.integers(0, 400))
def test_any_damage_is_refused_or_harmless(tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int) -> None:
    data = save(GOOD, SAID)
    damaged = data[:at] + noise + data[at + len(noise) :]
    try:
        found = read(tmp_path_factory.getbasetemp(), damaged)
    except InvalidInput:
        return
    assert np.isfinite(found.x_vector).all()


@pytest.mark.parametrize(
    ("frames", "tokens", "streaming", "field"),
    [
        (256, 256, True, None),
        (257, 10, True, "reference.codes"),
        (10, 257, True, "reference.text"),
        (200, 56, False, None),
        (200, 57, False, "reference.codes"),
    ],
)
def test_a_clip_leaves_room_to_speak(frames: int, tokens: int, streaming: bool, field: str | None) -> None:
    long = Clip(x_vector=VECTOR, codes=np.zeros((frames, 4), np.int32), text="…")
    if field is None:
        specs.check_clip(long, tokens, 512, streaming_text=streaming)
        return
    with pytest.raises(TooLarge) as refused:
        specs.check_clip(long, tokens, 512, streaming_text=streaming)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("frames", "streaming", "room"), [(0, True, 512), (100, True, 412), (0, False, 384), (100, False, 303)]
)
def test_what_is_in_the_prompt_leaves_less_room_to_speak(frames: int, streaming: bool, room: int) -> None:
    reference = prompt.Reference(tokens=[0] * 8, frames=np.zeros((frames, 8), np.float32)) if frames else None
    spec = Spec(
        frame=prompt.Frame(role=[]),
        prefix_key=PrefixKey(None, None, ()),
        streaming_text=streaming,
        reference=reference,
        sampling=Sampling(),
        predictor_sampling=Sampling(),
        seed=0,
    )
    assert spec.room(512) == room


def test_the_mean_of_vectors_is_as_large_as_they_are() -> None:
    one, two = np.full(3, 2, np.float32), np.full(3, 6, np.float32)
    for weights in ((1.0, 3.0), (0.25, 0.75)):
        mixed = mixing.mean_vector([(one, weights[0]), (None, 9.0), (two, weights[1])])
        assert mixed is not None and mixed.dtype == np.float32
        np.testing.assert_allclose(mixed, 5)
    third = np.full(3, 1 / 3, np.float32)
    assert mixing.mean_vector([(third, 0.7), (third.copy(), 0.3)]) is third
    assert mixing.mean_vector([(None, 1.0)]) is None

import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFWriter
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from timbre_common.errors import DigestMismatch, InvalidInput, TooLarge
from timbre_engine.model.manifest import Transformer
from timbre_engine.qwen3tts.adapter_file import AdapterFile, check, matrices, resolve, unchanged

SIZES = Transformer(hidden=8, layers=2, heads=4, kv_heads=2, head_dim=2, ffn=6, rope_theta=1e6, norm_eps=1e-6)
BASE = f"sha256:{'ab' * 32}"
A, B = "blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b"

Change = Callable[[GGUFWriter, dict[str, Any]], None]


def zeros(*shape: int, kind: type[np.generic] = np.float32) -> Any:
    return np.zeros(shape, kind)


def nothing(writer: GGUFWriter, tensors: dict[str, Any]) -> None:
    """The good adapter."""


def write(path: Path, change: Change = nothing, architecture: str = "qwen3tts") -> Path:
    """A small good adapter, but for what `change` does to its metadata and tensors."""
    writer = GGUFWriter(path, architecture)
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 8.0)
    writer.add_string("timbre.base.digest", BASE)
    writer.add_string("timbre.language", "french")
    writer.add_uint32("timbre.rank", 2)
    rng = np.random.default_rng(1)
    tensors: dict[str, Any] = {
        A: rng.standard_normal((2, 8)).astype(np.float16),
        B: rng.standard_normal((8, 2)).astype(np.float16),
        "blk.1.ffn_down.weight.lora_b": zeros(8, 3),
        "blk.1.ffn_down.weight.lora_a": zeros(3, 6),
    }
    change(writer, tensors)
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def look(path: Path, max_rank: int = 3, digest: str | None = None) -> AdapterFile:
    return check(
        path, base_digest=BASE, sizes=SIZES, predictor=replace(SIZES, layers=1), max_rank=max_rank, digest=digest
    )


def test_a_good_one(tmp_path: Path) -> None:
    path = write(tmp_path / "good.gguf")
    digest = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    expected = AdapterFile(path, digest, 3, 8.0, {"base.digest": BASE, "language": "french", "rank": 2})
    assert look(path) == look(path, digest=digest) == expected


def key(name: str, add: str, value: Any) -> Change:
    def change(writer: GGUFWriter, _tensors: dict[str, Any]) -> None:
        writer.kv_data[0].pop(name, None)
        if value is not None:
            getattr(writer, f"add_{add}")(name, value)

    return change


def tensor(name: str, values: Any) -> Change:
    def change(_writer: GGUFWriter, tensors: dict[str, Any]) -> None:
        tensors.pop(name, None)
        if values is not None:
            tensors[name] = values

    return change


def both(rank: int) -> Change:
    def change(_writer: GGUFWriter, tensors: dict[str, Any]) -> None:
        tensors[A], tensors[B] = zeros(rank, 8), zeros(8, rank)

    return change


def no_tensors(_writer: GGUFWriter, tensors: dict[str, Any]) -> None:
    tensors.clear()


@pytest.mark.parametrize(("layout", "streaming"), [("full", False), ("streaming", True), (None, True)])
def test_the_voice_that_it_was_trained_as(tmp_path: Path, layout: str | None, streaming: bool) -> None:
    vector = np.arange(8, dtype=np.float32) / 3

    def change(writer: GGUFWriter, tensors: dict[str, Any]) -> None:
        key("timbre.x_vector", "array", vector.tolist())(writer, tensors)
        key("timbre.text_layout", "string", layout)(writer, tensors)

    found = look(write(tmp_path / "voice.gguf", change))
    assert found.x_vector is not None and found.x_vector.dtype == np.float32
    np.testing.assert_array_equal(found.x_vector, vector)
    assert found.streaming_text is streaming


REFUSED: list[tuple[Change, str, str]] = [
    (key("general.type", "string", "model"), "general.type", "no adapter"),
    (key("general.type", "string", None), "general.type", "no adapter"),
    (key("general.type", "uint32", 7), "general.type", "no adapter"),
    (key("general.architecture", "string", "qwen3"), "general.architecture", "qwen3tts"),
    (key("general.architecture", "array", ["qwen3tts"]), "general.architecture", "qwen3tts"),
    (key("adapter.type", "string", "control_vector"), "adapter.type", "lora"),
    (key("adapter.lora.alpha", "float32", None), "adapter.lora.alpha", "float32"),
    (key("adapter.lora.alpha", "uint32", 8), "adapter.lora.alpha", "float32"),
    (key("adapter.lora.alpha", "float64", 8.0), "adapter.lora.alpha", "float32"),
    (key("adapter.lora.alpha", "array", [8.0]), "adapter.lora.alpha", "float32"),
    (key("adapter.lora.alpha", "float32", float("nan")), "adapter.lora.alpha", "finite"),
    (key("adapter.lora.alpha", "float32", float("inf")), "adapter.lora.alpha", "finite"),
    (key("adapter.lora.alpha", "float32", 0.0), "adapter.lora.alpha", "above 0"),
    (key("adapter.lora.alpha", "float32", -8.0), "adapter.lora.alpha", "above 0"),
    (key("adapter.alora.invocation_tokens", "array", [1]), "adapter.alora.invocation_tokens", "not served"),
    (key("general.alignment", "uint32", 0), "general.alignment", "power of two"),
    (key("general.alignment", "uint64", 32), "general.alignment", "power of two"),
    (key("general.alignment", "bool", True), "general.alignment", "power of two"),
    (key("timbre.x_vector", "array", [1.0] * 7), "timbre.x_vector", "8 numbers fit"),
    (key("timbre.x_vector", "array", [1.0] * 7 + [float("nan")]), "timbre.x_vector", "not finite"),
    (key("timbre.x_vector", "array", [1] * 8), "timbre.x_vector", "array of float32"),
    (key("timbre.x_vector", "string", "eight"), "timbre.x_vector", "array of float32"),
    (key("timbre.base.digest", "string", None), "timbre.base.digest", "does not say"),
    (key("timbre.base.digest", "string", "sha256:123"), "timbre.base.digest", "does not say"),
    (key("timbre.base.digest", "string", f"sha256:{'cd' * 32}"), "timbre.base.digest", "made for the base sha256:cdcd"),
    (tensor(A, None), B, "is missing"),
    (tensor(B, None), A, "is missing"),
    (tensor(A, zeros(2, 9)), A, "its shape is (2, 9); (2, 8)"),
    (tensor(B, zeros(2, 8)), B, "its shape is (2, 8); (8, 2)"),
    (tensor(B, zeros(8, 3)), B, "its shape is (8, 3); (8, 2)"),
    (tensor(A, zeros(2, 8, 1)), A, "its shape"),
    (tensor(A, zeros(16)), B, "its shape"),
    (tensor(A, zeros(0, 8)), B, "its shape"),
    (tensor(A, zeros(2, 8, kind=np.int32)), A, "type 26"),
    (tensor(A, zeros(2, 8, kind=np.float64)), A, "type 28"),
    (tensor(A, zeros(2, 8) + np.nan), A, "not finite"),
    (tensor(B, zeros(8, 2, kind=np.float16) - np.float16("inf")), B, "not finite"),
    (tensor("blk.2.attn_q.weight.lora_a", zeros(2, 8)), "blk.2.attn_q.weight.lora_a", "2 layers"),
    (tensor("blk.0.attn_norm.weight.lora_a", zeros(2, 8)), "blk.0.attn_norm.weight.lora_a", "no tensor of"),
    (tensor("blk.00.attn_q.weight.lora_a", zeros(2, 8)), "blk.00.attn_q.weight.lora_a", "no tensor of"),
    (tensor("output.weight.lora_a", zeros(2, 8)), "output.weight.lora_a", "no tensor of"),
    (both(4), A, "its rank is 4; at most 3"),
    (no_tensors, "", "no tensor"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "field", "reason"), REFUSED)
def test_what_is_refused_and_why(tmp_path: Path, change: Change, field: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        look(write(tmp_path / "bad.gguf", change))
    assert caught.value.field == field
    assert reason in str(caught.value)


def test_a_wrong_digest(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="the file's digest is sha256:"):
        look(write(tmp_path / "good.gguf"), digest=BASE)


def test_too_large_is_told_without_reading(tmp_path: Path) -> None:
    path = tmp_path / "sparse.gguf"
    with path.open("wb") as file:
        file.truncate((512 << 20) + 1)
    with pytest.raises(TooLarge, match="512 MiB"):
        look(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, reason in (("", "no file"), ("pipe", "no file"), ("nothing", "No such file")):
        with pytest.raises(InvalidInput, match=reason):
            look(tmp_path / name)
    (tmp_path / "text").write_text("GGUF? no")
    with pytest.raises(InvalidInput):
        look(tmp_path / "text")


def header(entries: int, rest: bytes, tensors: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, entries) + rest


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write(tmp_path_factory.mktemp("adapters") / "good.gguf").read_bytes()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("adapters") / "scratch.gguf"


def refused_or_good(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        found = look(path)
    except InvalidInput:
        return
    assert found.rank <= 3 and found.alpha > 0


def test_cut_anywhere(good: bytes, scratch: Path) -> None:
    for length in range(len(good)):
        scratch.write_bytes(good[:length])
        # The padding after the last tensor is all that can be lacking.
        if length < len(good) - 32:
            with pytest.raises(InvalidInput):
                look(scratch)
        else:
            refused_or_good(scratch, good[:length])


@settings(deadline=2000, max_examples=500)
@given(data=st.data())
def test_flipped_bytes(good: bytes, scratch: Path, data: st.DataObject) -> None:
    broken = bytearray(good)
    for _ in range(data.draw(st.integers(1, 8))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    refused_or_good(scratch, bytes(broken))


@settings(deadline=2000)
@given(data=st.data())
def test_numbers_of_the_header_made_huge(good: bytes, scratch: Path, data: st.DataObject) -> None:
    broken = bytearray(good)
    where = data.draw(st.integers(4, len(broken) - 8))
    broken[where : where + 8] = struct.pack(
        "<Q", data.draw(st.sampled_from([0, 2**31, 2**32, 2**40, 2**63, 2**64 - 1]))
    )
    refused_or_good(scratch, bytes(broken))


@settings(deadline=2000)
@given(st.binary(max_size=2000))
def test_anything_after_the_magic(scratch: Path, data: bytes) -> None:
    refused_or_good(scratch, header(1, data, tensors=1))


def two(folder: Path, change: Change = nothing, architecture: str = "qwen3tts-predictor", **said: str | None) -> Path:
    """An adapter with a second file, of one layer; `said`: what the first has in place of its name and digest."""
    layer_1 = {f"blk.1.ffn_down.weight.lora_{half}" for half in "ab"}

    def of_predictor(writer: GGUFWriter, tensors: dict[str, Any]) -> None:
        for name in layer_1:
            del tensors[name]
        change(writer, tensors)

    second = write(folder / "second.gguf", of_predictor, architecture)
    told = {"file": second.name, "digest": f"sha256:{hashlib.sha256(second.read_bytes()).hexdigest()}", **said}

    def naming(writer: GGUFWriter, tensors: dict[str, Any]) -> None:
        for name, text in told.items():
            key(f"timbre.predictor.{name}", "string", text)(writer, tensors)

    return write(folder / "first.gguf", naming)


def test_a_second_file(tmp_path: Path) -> None:
    found = look(two(tmp_path))
    assert found.predictor is not None and found.predictor.path == tmp_path / "second.gguf"
    assert (found.rank, found.predictor.rank, found.largest_rank) == (3, 2, 3)
    np.testing.assert_array_equal(matrices(found.predictor)[A], matrices(found)[A])
    assert unchanged(found)
    os.utime(tmp_path / "second.gguf", (1, 1))
    assert not unchanged(found)


def test_a_second_file_that_was_fetched_has_its_digest_for_a_name(tmp_path: Path) -> None:
    path = two(tmp_path)
    content = (tmp_path / "second.gguf").read_bytes()
    fetched = tmp_path / f"{hashlib.sha256(content).hexdigest()}.gguf"
    (tmp_path / "second.gguf").rename(fetched)
    found = look(path)
    assert found.predictor is not None and found.predictor.path == fetched
    fetched.write_bytes(content[:-1] + b"x")
    with pytest.raises(DigestMismatch, match=r"second\.gguf: .*digest is sha256:"):
        look(path)


@pytest.mark.parametrize(
    ("change", "said", "reason"),
    [
        (nothing, {"file": "nothing.gguf"}, "No such file"),
        (nothing, {"file": "../second.gguf"}, "a file's name"),
        (nothing, {"file": "outside.gguf"}, "lies outside"),
        (nothing, {"digest": None}, "64 hexadecimal digits"),
        (nothing, {"digest": BASE}, f"not {BASE}"),
        (nothing, {"architecture": "qwen3tts"}, "'qwen3tts-predictor' is right"),
        (key("timbre.base.digest", "string", f"sha256:{'cd' * 32}"), {}, "made for the base sha256:cdcd"),
        (tensor(A, zeros(2, 8) + np.nan), {}, "not finite"),
        (both(4), {}, "at most 3"),
        (tensor("blk.1.attn_q.weight.lora_a", zeros(2, 8)), {}, "the base has 1 layers"),
        (no_tensors, {}, "no tensor in it"),
    ],
)
def test_a_second_file_that_is_refused(tmp_path: Path, change: Change, said: dict[str, Any], reason: str) -> None:
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "outside.gguf").symlink_to("../second.gguf")
    (tmp_path / "second.gguf").touch()
    with pytest.raises(InvalidInput) as caught:
        look(two(tmp_path / "adapters", change, **said))
    assert reason in str(caught.value) and caught.value.field.startswith("timbre.predictor.")


def test_only_the_predictor_may_be_adapted(tmp_path: Path) -> None:
    path = two(tmp_path)
    second = f"sha256:{hashlib.sha256((tmp_path / 'second.gguf').read_bytes()).hexdigest()}"

    def alone(writer: GGUFWriter, tensors: dict[str, Any]) -> None:
        tensors.clear()
        writer.add_string("timbre.predictor.file", "second.gguf")
        writer.add_string("timbre.predictor.digest", second)

    found = look(write(path, alone))
    assert (found.rank, found.largest_rank) == (0, 2)


def test_a_path_is_resolved_below_the_directory(tmp_path: Path) -> None:
    directory = tmp_path / "adapters"
    (directory / "..data" / "fr").mkdir(parents=True)
    (directory / "..data" / "fr" / "lisa.gguf").touch()
    (directory / "lisa.gguf").symlink_to("..data/fr/lisa.gguf")
    (tmp_path / "secret.gguf").touch()
    (directory / "out.gguf").symlink_to("../secret.gguf")
    (directory / "loop.gguf").symlink_to("loop.gguf")
    (tmp_path / "linked").symlink_to(directory)
    inside = (directory / "..data" / "fr" / "lisa.gguf").resolve()
    for root in (directory, tmp_path / "linked"):
        for relative in ("lisa.gguf", "..data/fr/lisa.gguf", "./lisa.gguf"):
            assert resolve(root, relative) == inside
    for relative in (
        "out.gguf", "../secret.gguf", str(tmp_path / "secret.gguf"), "", ".", "loop.gguf", "nothing.gguf", "a\0b",
        "lisa.gguf/x", "x" * 5000,
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as caught:
            resolve(directory, relative)
        assert caught.value.field == "adapter.path"
    with pytest.raises(InvalidInput):
        resolve(tmp_path / "nowhere", "lisa.gguf")

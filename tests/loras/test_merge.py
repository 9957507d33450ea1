from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from support import peft
from timbre_common import adapters
from timbre_common.errors import InvalidInput, SetupError
from timbre_loras import adapter_gguf, mixture
from timbre_loras.adapter_gguf import delta
from timbre_loras.commands.export import export
from timbre_loras.commands.merge import merge
from timbre_loras.merge import concatenate, reduce
from timbre_loras.peft_adapter import Pair
from timbre_loras.trained import Layout
from timbre_loras.writer import Dtype

Q, V, UP = "self_attn.q_proj", "self_attn.v_proj", "mlp.up_proj"


def made(directory: Path, base: Path, name: str, *modules: str, vector: Any = None, rank: int = 4, **about: Any) -> str:
    """An adapter file of these modules."""
    source = peft.write_adapter(directory / f"{name}.peft", peft.tensors(*modules, rank=rank), r=rank)
    if vector is not None:
        save_file({"x_vector": vector}, source / "x_vector.safetensors")
    export(source, output=directory / f"{name}.gguf", base=base, dtype=Dtype.F32, **about)
    return str(directory / f"{name}.gguf")


def deltas(path: str | Path) -> dict[tuple[int, str], Any]:
    return {(pair.layer, pair.target): delta(pair) for pair in adapter_gguf.read(Path(path)).pairs()}


def test_what_it_adds_is_the_sum_by_weight(tmp_path: Path, base: Path) -> None:
    one, two = made(tmp_path, base, "one", Q, V), made(tmp_path, base, "two", V, UP, rank=3)
    out = tmp_path / "both.gguf"
    merge(f"{one}:0.7", f"{two}:0.3", output=out, dtype=Dtype.F32)
    mixed, first, second = (deltas(path) for path in (out, one, two))
    assert mixed.keys() == first.keys() | second.keys()
    for place, found in mixed.items():
        np.testing.assert_allclose(found, 0.7 * first.get(place, 0) + 0.3 * second.get(place, 0), rtol=1e-5, atol=1e-5)
    file = adapter_gguf.read(out)
    assert file.ranks == [3, 4, 7]
    assert file.base_digest == f"sha256:{peft.TALKER_SHA256}"
    assert file.header.metadata[adapters.KEY_MERGED_FROM].content == [
        f"0.7 {adapter_gguf.read(Path(one)).digest} one",
        f"0.3 {adapter_gguf.read(Path(two)).digest} two",
    ]
    first_bytes = out.read_bytes()
    merge(f"{one}:0.7", f"{two}:0.3", output=out, dtype=Dtype.F32)
    assert out.read_bytes() == first_bytes


def test_a_smaller_rank_is_the_nearest_and_says_what_it_costs() -> None:
    pairs = [Pair(0, "attn_q", *peft.pair(6, 9, 8), 0.5), Pair(0, "attn_v", *peft.pair(2, 5, 8, seed=1), 2.0)]
    whole = [delta(pair) for pair in pairs]
    for rank in (1, 3, 6, 50):
        reduced = reduce(pairs, rank)
        found = [delta(pair) for pair in reduced.pairs]
        assert [pair.rank for pair in reduced.pairs] == [min(rank, 6), min(rank, 2)]
        lost = sum(np.square(np.linalg.svd(each)[1][rank:]).sum() for each in whole)
        real = sum(np.square(each - mine).sum() for each, mine in zip(whole, found, strict=True))
        total = sum(np.square(each).sum() for each in whole)
        assert reduced.error == pytest.approx(np.sqrt(lost / total), abs=1e-7)
        assert np.sqrt(real / total) == pytest.approx(reduced.error, abs=1e-6)


def test_one_adapter_at_weight_1_stays_what_it_was() -> None:
    pair = Pair(3, "ffn_up", *peft.pair(4, 5, 6), 2.0)
    (joined,) = concatenate([([pair], 1.0)])
    np.testing.assert_array_equal(delta(joined), delta(pair))


ONE, TWO = np.full(12, 1, np.float32), np.full(12, 3, np.float32)
ROW = np.full(12, 5, np.float32)
SPEAKERS: list[tuple[dict[str, Any], dict[str, Any], str, Any]] = [
    ({"speaker": "vivian"}, {"speaker": "vivian"}, "vivian", None),
    ({"speaker": "vivian"}, {}, "vivian", None),
    ({}, {}, "", None),
    ({"vector": ONE}, {"vector": ONE}, "", ONE),
    ({"vector": ONE}, {}, "", ONE),
    ({"vector": ONE}, {"vector": TWO}, "", ONE * 1.5),
    ({"speaker": "vivian"}, {"vector": ONE}, "", ONE * 4),
]


@pytest.mark.parametrize(("one", "two", "speaker", "vector"), SPEAKERS)
def test_the_speaker_is_the_blends(
    tmp_path: Path, base: Path, one: dict[str, Any], two: dict[str, Any], speaker: str, vector: Any
) -> None:
    table = np.zeros((3066, 12), np.float16)
    table[3065] = ROW
    np.save(base / "embeddings.npy", table)
    files = made(tmp_path, base, "one", Q, **one), made(tmp_path, base, "two", Q, **two)
    merge(f"{files[0]}:1.5", f"{files[1]}:0.5", output=tmp_path / "both.gguf", base=base)
    found = adapter_gguf.read(tmp_path / "both.gguf")
    assert found.text(adapters.KEY_SPEAKER) == speaker
    if vector is None:
        assert found.x_vector is None
    else:
        np.testing.assert_array_equal(found.x_vector, vector)


def test_the_rest_is_the_heaviests(tmp_path: Path, base: Path) -> None:
    one = made(tmp_path, base, "one", Q, language="english", licence="MIT")
    two = made(tmp_path, base, "two", Q, language="french", text_layout=Layout.FULL, licence="CC-BY-4.0")
    merge(f"{one}:0.4", f"{two}:0.6", output=tmp_path / "both.gguf", agent="duo")
    found = adapter_gguf.read(tmp_path / "both.gguf")
    keys = (adapters.KEY_NAME, adapters.KEY_AGENT, adapters.KEY_LANGUAGE, adapters.KEY_LAYOUT, adapters.KEY_LICENCE)
    assert [found.text(key) for key in keys] == ["both", "duo", "french", "full", "CC-BY-4.0 AND MIT"]


@pytest.mark.parametrize("text", ["a.gguf", "a.gguf:", ":1", "a.gguf:much", "a.gguf:0", "a.gguf:-1", "a.gguf:nan"])
def test_a_weight_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="FILE:WEIGHT"):
        mixture.parse(text)


def test_what_cannot_be_mixed_is_told(tmp_path: Path, base: Path) -> None:
    one = made(tmp_path, base, "one", Q, speaker="vivian")
    two = made(tmp_path, base, "two", Q, vector=ONE)
    other = peft.write_base(tmp_path / "other")
    manifest = other / "model.json"
    manifest.write_text(manifest.read_text().replace(peft.TALKER_SHA256, "f" * 64))
    three = made(tmp_path, other, "three", Q)
    out = tmp_path / "out.gguf"
    for files, model, kind, why in [
        ((), None, InvalidInput, "one or more"),
        ((one, three), None, InvalidInput, "three.gguf was made for"),
        ((one, two), None, InvalidInput, "--base"),
        ((one, two), other, InvalidInput, "--base"),
        ((one, two), base, SetupError, "embeddings.npy"),
        ((one, str(tmp_path / "none.gguf")), None, SetupError, "cannot be read"),
    ]:
        with pytest.raises(kind, match=why):
            merge(*(f"{file}:1" for file in files), output=out, base=model)
    with pytest.raises(InvalidInput, match="--rank"):
        merge(f"{one}:1", output=out, rank=-1)
    assert not out.exists()

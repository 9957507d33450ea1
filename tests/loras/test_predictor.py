"""What is adapted of the code predictor: a second file, named by the first, through every command."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support import peft
from timbre_common import adapters, gguf_header
from timbre_common.errors import InvalidInput, SetupError
from timbre_loras import adapter_gguf, checks, engine_trial
from timbre_loras.adapter_gguf import AdapterGguf, delta
from timbre_loras.base import read as read_base
from timbre_loras.commands.inspect import inspect
from timbre_loras.commands.merge import merge
from timbre_loras.commands.publish import publish
from timbre_loras.writer import Dtype

Q, V, UP = "self_attn.q_proj", "self_attn.v_proj", "mlp.up_proj"
PATTERNS: dict[str, Any] = {
    "rank_pattern": {"code_predictor.model.layers.1.self_attn.q_proj": 2},
    "alpha_pattern": {"code_predictor.*v_proj": 3},
    "use_rslora": True,
}


def weights() -> peft.Tensors:
    """Of talker and predictor."""
    special = peft.tensors(
        Q, V, layers=2, prefix=peft.PREDICTOR_PREFIX, ranks={f"1.{Q}": 2}, sizes=peft.PREDICTOR_SIZES
    )
    return {**peft.tensors(Q), **special}


def second_of(path: Path) -> AdapterGguf:
    found = adapter_gguf.read(path).predictor()
    assert found is not None
    return found


def deltas(file: AdapterGguf) -> dict[tuple[int, str], Any]:
    return {(pair.layer, pair.target): delta(pair) for pair in file.pairs()}


def passed(path: Path, base: Path, peft_dir: Path | None = None) -> dict[str, tuple[bool | None, str]]:
    found = checks.run(adapter_gguf.read(path), read_base(base), base, peft_dir)
    return {outcome.name: (outcome.passed, outcome.told) for outcome in found}


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_trial, "missing", lambda: ["xllamacpp"])


@pytest.fixture
def file(tmp_path: Path, base: Path) -> Path:
    return peft.exported(tmp_path, base, weights(), **PATTERNS)


def test_each_file_holds_its_own(base: Path, file: Path) -> None:
    first, second = adapter_gguf.read(file), second_of(file)
    assert [(pair.layer, pair.target) for pair in first.pairs(read_base(base).talker)] == [
        (layer, "attn_q") for layer in range(3)
    ]
    found = deltas(second)
    assert len(second.pairs(read_base(base).predictor)) == 4
    given = weights()
    for (layer, target), mine in found.items():
        module, alpha = {"attn_q": (Q, 8), "attn_v": (V, 3)}[target]
        a, b = (given[f"{peft.PREDICTOR_PREFIX}layers.{layer}.{module}.lora_{half}.weight"] for half in "AB")
        np.testing.assert_allclose(mine, alpha / np.sqrt(len(a)) * (b.astype(float) @ a), rtol=1e-5, atol=1e-6)
    assert second.ranks == [2, 4]


def test_the_second_is_no_file_for_llama_and_no_voice_of_its_own(file: Path) -> None:
    first, second = adapter_gguf.read(file), second_of(file)
    assert second.text(adapters.KEY_ARCHITECTURE) == "qwen3tts-predictor"
    assert second.base_digest == first.base_digest
    assert second.path.name == f"out.predictor-{second.digest[7:19]}.gguf"
    with pytest.raises(InvalidInput, match="no adapter for Qwen3-TTS"):
        publish(second.path, str(file.parent))


@pytest.mark.parametrize("dtype", Dtype)
def test_the_same_input_gives_the_same_bytes(tmp_path: Path, base: Path, dtype: Dtype) -> None:
    read = []
    for _ in range(2):
        path = peft.exported(tmp_path, base, weights(), dtype=dtype, **PATTERNS)
        read.append((path.read_bytes(), second_of(path).path.read_bytes()))
    assert read[0] == read[1]
    kinds = {tensor.kind for tensor in second_of(path).header.tensors}
    assert kinds == {gguf_header.F16 if dtype is Dtype.F16 else gguf_header.F32}


def test_a_new_version_leaves_the_old_one_its_own(tmp_path: Path, base: Path, file: Path) -> None:
    old = tmp_path / "old.gguf"
    old.write_bytes(file.read_bytes())
    before = second_of(file).path
    again = second_of(peft.exported(tmp_path, base, weights(), **PATTERNS, lora_alpha=5))
    assert again.path != before and second_of(old).path == before


def test_the_predictor_alone(tmp_path: Path, base: Path) -> None:
    path = peft.exported(tmp_path, base, peft.predictor_tensors(UP))
    file = adapter_gguf.read(path)
    assert file.pairs(read_base(base).talker) == [] and len(second_of(path).pairs()) == 2
    found = passed(path, base, tmp_path / "peft")
    assert found.pop("engine")[0] is None and all(each for each, _ in found.values())


def test_the_numbers_are_pefts(tmp_path: Path, base: Path, file: Path) -> None:
    found = passed(file, base, tmp_path / "peft")
    assert found.pop("engine")[0] is None
    assert all(each for each, _ in found.values()) and {"predictor", "PEFT"} <= found.keys()
    other = weights()
    other[f"{peft.PREDICTOR_PREFIX}layers.0.{V}.lora_B.weight"] *= 1.1
    peft.write_adapter(tmp_path / "other", other, **PATTERNS)
    each, told = passed(file, base, tmp_path / "other")["PEFT"]
    assert each is False and "predictor blk.0.attn_v.weight: it is" in told
    peft.write_adapter(tmp_path / "talker", peft.tensors(Q), use_rslora=True)
    assert "predictor blk.0.attn_q.weight: one of the two" in passed(file, base, tmp_path / "talker")["PEFT"][1]


def test_a_second_file_that_is_another_or_missing_is_told(tmp_path: Path, base: Path, file: Path) -> None:
    path = second_of(file).path
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"x")
    (tmp_path / "volume").mkdir()
    for why, error in (("names sha256:", InvalidInput), ("cannot be read", SetupError)):
        each, told = passed(file, base)["predictor"]
        assert each is False and why in told
        with pytest.raises(error, match=why):
            publish(file, str(tmp_path / "volume"))
        with pytest.raises(error, match=why):
            inspect(file)
        path.unlink(missing_ok=True)
    assert not list((tmp_path / "volume").iterdir())


def test_inspect_shows_both(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    inspect(file, json=True)
    told, second = json.loads(capsys.readouterr().out), second_of(file)
    assert (told["weights"], told["predictor"]["weights"]) == (3, 4)
    assert told["metadata"][adapters.KEY_PREDICTOR_FILE] == second.path.name
    assert told["metadata"][adapters.KEY_PREDICTOR_DIGEST] == told["predictor"]["digest"] == second.digest
    inspect(file)
    assert f"\n\n{second.path.name}\n" in capsys.readouterr().out


def test_both_are_merged(tmp_path: Path, base: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = peft.exported(tmp_path / "other", base, {**peft.tensors(V), **peft.predictor_tensors(V, UP)})
    plain = peft.exported(tmp_path / "plain", base, peft.tensors(Q))
    out = tmp_path / "both.gguf"
    merge(f"{file}:0.7", f"{other}:0.3", f"{plain}:0.1", output=out, dtype=Dtype.F32)
    first, second = (deltas(second_of(path)) for path in (file, other))
    mixed = deltas(second_of(out))
    assert mixed.keys() == first.keys() | second.keys()
    for place, found in mixed.items():
        np.testing.assert_allclose(found, 0.7 * first.get(place, 0) + 0.3 * second.get(place, 0), rtol=1e-5, atol=1e-5)
    capsys.readouterr()
    merge(f"{file}:0.7", f"{other}:0.3", output=out, rank=2, dtype=Dtype.F32)
    assert second_of(out).ranks == [2] and adapter_gguf.read(out).ranks == [2]
    assert "off the whole mixture" in capsys.readouterr().out


def test_both_are_published(tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    capsys.readouterr()
    publish(file, str(volume))
    told = capsys.readouterr().out
    first, second = adapter_gguf.read(file), second_of(file)
    published = volume / f"out-{first.digest[7:19]}.gguf"
    assert {each.name for each in volume.iterdir()} == {published.name, second.path.name}
    assert second_of(published).digest == second.digest
    assert f"path: {published.name}" in told and second.path.name not in told

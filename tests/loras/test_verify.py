from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFWriter

from support import peft
from timbre_common import adapters
from timbre_loras import adapter_gguf, checks, engine_trial
from timbre_loras.base import read as read_base
from timbre_loras.engine_trial import Effect
from timbre_loras.writer import Dtype

Q, UP = "self_attn.q_proj", "mlp.up_proj"
PAIR = {"blk.0.attn_q.weight.lora_a": (4, 12), "blk.0.attn_q.weight.lora_b": (8, 4)}


def write(path: Path, tensors: dict[str, Any], **keys: Any) -> Path:
    """An adapter file by hand; shapes become numbers at random."""
    writer = GGUFWriter(path, adapters.ARCHITECTURE)
    texts = {
        adapters.KEY_TYPE: adapters.TYPE,
        adapters.KEY_METHOD: adapters.METHOD,
        adapters.KEY_BASE_DIGEST: f"sha256:{peft.TALKER_SHA256}",
        **{f"timbre.{name}": value for name, value in keys.items() if isinstance(value, str)},
    }
    for key, text in texts.items():
        writer.add_string(key, text)
    writer.add_float32(adapters.KEY_ALPHA, 8.0)
    if "x_vector" in keys:
        writer.add_array(adapters.KEY_X_VECTOR, keys["x_vector"])
    for name, tensor in tensors.items():
        shape = isinstance(tensor, tuple)
        writer.add_tensor(name, np.ones(tensor, np.float32) if shape else tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def outcomes(path: Path, base: Path, peft_dir: Path | None = None) -> dict[str, tuple[bool | None, str]]:
    found = checks.run(adapter_gguf.read(path), read_base(base), base, peft_dir)
    return {outcome.name: (outcome.passed, outcome.told) for outcome in found}


WRONG: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    ({}, {}, "shapes, numbers", "no tensor"),
    ({"blk.0.attn_q.weight.lora_a": (4, 12)}, {}, "shapes, numbers", "missing beside it"),
    (PAIR | {"blk.0.attn_q.weight.lora_b": (8, 3)}, {}, "shapes, numbers", "fits the base"),
    (PAIR | {"blk.3.attn_q.weight.lora_a": (4, 12)}, {}, "shapes, numbers", "3 layers"),
    (PAIR | {"output.weight.lora_a": (4, 12)}, {}, "shapes, numbers", "no tensor of an adapter"),
    (PAIR | {"blk.0.attn_q.weight.lora_b": np.full((8, 4), np.nan, np.float32)}, {}, "shapes, numbers", "not finite"),
    (PAIR, {"base.digest": f"sha256:{'0' * 64}"}, "base", "tiny is sha256:0123"),
    (PAIR, {"speaker": "ryan"}, "voice", "no speaker ryan"),
    (PAIR, {"language": "klingon"}, "voice", "no language klingon"),
    (PAIR, {"x_vector": [1.0] * 11}, "voice", "12 numbers fit"),
    (PAIR, {"x_vector": [1.0] * 11 + [float("inf")]}, "voice", "not finite"),
]


@pytest.mark.parametrize(("tensors", "keys", "name", "why"), WRONG)
def test_what_does_not_fit_is_told_and_llama_never_sees_it(
    tmp_path: Path, base: Path, tensors: dict[str, Any], keys: dict[str, Any], name: str, why: str
) -> None:
    found = outcomes(write(tmp_path / "a.gguf", tensors, **keys), base)
    assert found.pop("engine")[0] is None
    passed, told = found.pop(name)
    assert passed is False and why in told
    assert all(passed for passed, _ in found.values())


@pytest.mark.parametrize("dtype", Dtype)
def test_the_numbers_are_pefts(tmp_path: Path, base: Path, dtype: Dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_trial, "missing", lambda: ["xllamacpp"])
    weights = peft.tensors(Q, UP)
    path = peft.exported(tmp_path, base, weights, dtype=dtype, alpha_pattern={"q_proj": 3}, use_rslora=True)
    found = outcomes(path, base, tmp_path / "peft")
    assert found.pop("engine") == (None, "xllamacpp is missing: the extra qwen3tts")
    assert all(passed for passed, _ in found.values()) and "PEFT" in found
    for changed, why in (
        ({"alpha_pattern": {"q_proj": 3.1}, "use_rslora": True}, "attn_q.weight: it is"),
        ({"alpha_pattern": {"q_proj": 3}, "use_rslora": True, "lora_dropout": 0.1}, "not the files"),
    ):
        peft.write_adapter(tmp_path / "other", weights, **changed)
        passed, told = outcomes(path, base, tmp_path / "other")["PEFT"]
        assert passed is False and why in told
    peft.write_adapter(tmp_path / "other", peft.tensors(Q), alpha_pattern={"q_proj": 3}, use_rslora=True)
    assert "one of the two does not adapt it" in outcomes(path, base, tmp_path / "other")["PEFT"][1]


def test_the_engines_word_is_passed_on(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = peft.exported(tmp_path, base, peft.tensors(Q))
    monkeypatch.setattr(engine_trial, "effect", lambda *_: Effect([0.0, 0.5, 1.0], [0.0, 0.0, 0.0]))
    passed, told = outcomes(path, base)["engine"]
    assert passed is False and "changes nothing" in told
